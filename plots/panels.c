#include <stdlib.h>
#include <string.h>
#include "plots/panels.h"
#include "plots/setting.h"
#include "base/check.h"

enum { AUTO_MOST = 12, PATHS = 32 };

// A path that the grid varies. axis: its values are the trained lengths, which are x; panels: they are panels; else curves.
typedef struct path { const char *name; int n; const char **value; bool axis, panels; } path;

typedef struct build {
    const summary *s;
    grid_point    *at;                  // [n_models]
    int            n_paths;
    path           path[PATHS];
    sheet         *sheet;
    arena         *arena;
} build;

// ---- paths

static int value_index(const path *p, const char *value)
{
    int i = 0;
    while (i < p->n && strcmp(p->value[i], value) != 0)
        i++;
    return i;
}

static void add_value(build *b, const setting *s)
{
    int i = 0;
    while (i < b->n_paths && strcmp(b->path[i].name, s->path) != 0)
        i++;
    if (i == PATHS)
        return;
    path *p = &b->path[i];
    if (i == b->n_paths) {
        *p = (path){ .name = s->path, .value = arena_take(b->arena, (size_t)b->s->n_models * sizeof *p->value) };
        b->n_paths++;
    }
    if (value_index(p, s->value) == p->n)
        p->value[p->n++] = s->value;
}

// Paths with one value say nothing and are left out.
static void read_paths(build *b)
{
    b->at = arena_take(b->arena, ((size_t)b->s->n_models + 1) * sizeof *b->at);
    for (int i = 0; i < b->s->n_models; i++) {
        b->at[i] = point_read(b->s->models[i].compared, b->arena);
        for (int j = 0; j < b->at[i].n; j++)
            add_value(b, &b->at[i].at[j]);
    }
    int n = 0;
    for (int i = 0; i < b->n_paths; i++)
        if (b->path[i].n > 1)
            b->path[n++] = b->path[i];
    b->n_paths = n;
}

// Another value, another trained length, and the reverse?
static bool is_trained_length(const build *b, const path *p)
{
    for (int i = 0; i < b->s->n_models; i++)
        for (int j = 0; j < i; j++) {
            const model_summary *m = &b->s->models[i], *o = &b->s->models[j];
            const char *x = point_value(&b->at[i], p->name), *y = point_value(&b->at[j], p->name);
            if (x && y && strcmp(m->label, o->label) == 0 && (strcmp(x, y) == 0) != (m->trained_length == o->trained_length))
                return false;
        }
    return true;
}

static void sort_paths(build *b, plot_panels panels)
{
    for (int i = 0; i < b->n_paths; i++) {
        path *p = &b->path[i];
        p->axis = b->sheet->axes.x == PLOT_TRAINED && is_trained_length(b, p);
        p->panels = panels != PANELS_NONE && !p->axis && strncmp(p->name, "models.", 7) != 0;
        b->sheet->tasks |= strcmp(p->name, "task") == 0 || strncmp(p->name, "task.", 5) == 0;
    }
}

// ---- panels

// In the panel with the values of model `of`? A model that a path does not touch is in every panel.
static bool is_in(const build *b, int model, int of)
{
    for (int i = 0; i < b->n_paths; i++) {
        const char *x = point_value(&b->at[model], b->path[i].name), *y = point_value(&b->at[of], b->path[i].name);
        if (b->path[i].panels && x && y && strcmp(x, y) != 0)
            return false;
    }
    return true;
}

static bool has_all(const build *b, int model)
{
    for (int i = 0; i < b->n_paths; i++)
        if (b->path[i].panels && !point_value(&b->at[model], b->path[i].name))
            return false;
    return true;
}

// A model of each panel, in the order first seen; with NULL only how many.
static int count_panels(const build *b, int *of)
{
    int *seen = arena_take(b->arena, ((size_t)b->s->n_models + 1) * sizeof *seen), n = 0;
    for (int i = 0; i < b->s->n_models; i++) {
        bool known = !has_all(b, i);
        for (int j = 0; j < n; j++)
            known |= is_in(b, i, seen[j]);
        if (!known)
            seen[n++] = i;
    }
    if (of)
        memcpy(of, seen, (size_t)n * sizeof *seen);
    return n;
}

// "parity"; "power 1, length 256": what a model's point says on the paths that are panels, or on those that are curves.
static const char *words_of(const build *b, int model, bool panels)
{
    const char *text = "";
    for (int i = 0; i < b->n_paths; i++) {
        const path *p = &b->path[i];
        const setting s = { p->name, point_value(&b->at[model], p->name) };
        if (s.value && !p->axis && p->panels == panels)
            text = arena_text(b->arena, "%s%s%s", text, *text ? ", " : "", setting_words(&s, b->arena));
    }
    return text;
}

// Two paths and every combination of their values make a matrix, with more columns than rows.
static bool arrange_matrix(build *b, const int *of)
{
    sheet *s = b->sheet;
    const path *across = NULL, *down = NULL;
    for (int i = 0; i < b->n_paths; i++)
        if (b->path[i].panels && across && down)
            return false;
        else if (b->path[i].panels)
            *(across ? &down : &across) = &b->path[i];
    if (!down || s->n != across->n * down->n)
        return false;
    if (down->n > across->n) {
        const path *shorter = across;
        across = down;
        down = shorter;
    }
    s->rows = down->n;
    s->columns = across->n;
    for (int i = 0; i < s->n; i++) {
        s->panel[i].row = value_index(down, point_value(&b->at[of[i]], down->name));
        s->panel[i].column = value_index(across, point_value(&b->at[of[i]], across->name));
    }
    return true;
}

static void arrange(build *b, const int *of)
{
    sheet *s = b->sheet;
    if (arrange_matrix(b, of))
        return;
    s->columns = s->n == 3 ? 3 : 1;
    while (s->columns * s->columns < s->n)
        s->columns++;
    s->rows = (s->n + s->columns - 1) / s->columns;
    for (int i = 0; i < s->n; i++) {
        s->panel[i].row = i / s->columns;
        s->panel[i].column = i % s->columns;
    }
}

// ---- curves

static int look_of(build *b, int model)
{
    const model_summary *m = &b->s->models[model];
    const char *words = words_of(b, model, false), *name = *words ? arena_text(b->arena, "%s, %s", m->label, words) : m->label;
    sheet *s = b->sheet;
    int i = 0;
    while (i < s->n_looks && strcmp(s->look[i].name, name) != 0)
        i++;
    if (i == s->n_looks)
        s->look[s->n_looks++] = (look){ name, 0, m };
    return i;
}

static int by_trained_length(const void *a, const void *b)
{
    const model_summary *x = *(const model_summary *const *)a, *y = *(const model_summary *const *)b;
    return x->trained_length - y->trained_length;
}

// All models of a look that are in the panel make one curve.
static void join_lengths(build *b, panel *p, int of, const int *look)
{
    for (int l = 0; l < b->sheet->n_looks; l++) {
        const model_summary **m = arena_take(b->arena, (size_t)b->s->n_models * sizeof *m);
        int n = 0;
        for (int i = 0; i < b->s->n_models; i++)
            if (look[i] == l && b->s->models[i].trained_length > 0 && is_in(b, i, of))
                m[n++] = &b->s->models[i];
        qsort(m, (size_t)n, sizeof *m, by_trained_length);
        if (n > 0)
            p->curve[p->n++] = curve_of(&b->sheet->axes, l, m, n, b->arena);
    }
}

static void fill_panel(build *b, panel *p, int of, const int *look)
{
    p->title = words_of(b, of, true);
    p->curve = arena_take(b->arena, (size_t)b->s->n_models * sizeof *p->curve);
    if (b->sheet->axes.x == PLOT_TRAINED) {
        join_lengths(b, p, of, look);
        return;
    }
    for (int i = 0; i < b->s->n_models; i++)
        if (is_in(b, i, of)) {
            const model_summary **m = arena_take(b->arena, sizeof *m);
            *m = &b->s->models[i];
            p->curve[p->n++] = curve_of(&b->sheet->axes, look[i], m, 1, b->arena);
        }
}

static void fill(build *b)
{
    sheet *s = b->sheet;
    const int n = b->s->n_models;
    int *of = arena_take(b->arena, ((size_t)n + 1) * sizeof *of);               // a model of each panel
    int *look_at = arena_take(b->arena, ((size_t)n + 1) * sizeof *look_at);     // of each model
    s->n = count_panels(b, of);
    s->panel = arena_zero(b->arena, ((size_t)s->n + 1) * sizeof *s->panel);
    s->look = arena_take(b->arena, ((size_t)n + 1) * sizeof *s->look);
    for (int i = 0; i < n; i++) {
        look_at[i] = look_of(b, i);
        s->look[look_at[i]].n_models++;
    }
    arrange(b, of);
    for (int i = 0; i < s->n; i++)
        fill_panel(b, &s->panel[i], of[i], look_at);
}

sheet sheet_of(const summary *s, const plot_options *o, arena *a)
{
    sheet sheet = { .axes = axes_of(s, o) };
    build b = { .s = s, .sheet = &sheet, .arena = a };
    read_paths(&b);
    sort_paths(&b, o->panels);
    const int n = count_panels(&b, NULL);
    for (int i = 0; i < b.n_paths; i++)
        b.path[i].panels &= n > 1 && (n <= AUTO_MOST || o->panels == PANELS_GRID);
    fill(&b);
    return sheet;
}
