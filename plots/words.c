#include <string.h>
#include "plots/figure.h"
#include "base/check.h"

// In single quotes nothing is special to gnuplot but the quote itself.
const char *quoted(const char *text, arena *a)
{
    char *out = arena_take(a, 2 * strlen(text) + 3), *p = out;
    *p++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            *p++ = '\'';
        *p++ = (unsigned char)*text < ' ' ? ' ' : *text;
    }
    strcpy(p, "'");
    return out;
}

// ---- notes

static void add_note(notes *w, const char *text, arena *a)
{
    enum { WIDTH = 96 };
    const char *last = w->n ? w->line[w->n - 1] : "";
    if (w->n && strlen(last) + strlen(text) < WIDTH)
        w->line[w->n - 1] = arena_text(a, "%s; %s", last, text);
    else if (w->n < (int)LEN(w->line))
        w->line[w->n++] = text;
}

// A model may lie in several panels, and a panel may join several models: all are counted once.
static void add_diverged(notes *w, const figure *f, const char *label)
{
    int models = 0, diverged = 0, seeds = 0;
    for (int i = 0; i < f->s->n_models; i++)
        if (strcmp(f->s->models[i].label, label) == 0) {
            models++;
            diverged += f->s->models[i].count[CELL_DIVERGED];
            seeds += f->s->models[i].seeds;
        }
    if (diverged)
        add_note(w, arena_text(f->arena, "%d of %d %s of %s diverged", diverged, seeds, models > 1 ? "runs" : "seeds", label),
                 f->arena);
}

notes notes_of(const figure *f)
{
    notes all = { .n = 0 };
    const char *const parts[] = {
        f->thin ? "bold: median over seeds; thin: one seed each" : NULL,
        f->bands ? "band: 95 % interval over test sequences" : NULL,
        f->dashed ? "dashed: has not learned the trained length" : NULL,
        f->zeros ? "hollow: no error at all, drawn at half of one error" : NULL,
    };
    for (size_t i = 0; i < LEN(parts); i++)
        if (parts[i])
            add_note(&all, parts[i], f->arena);
    for (int i = 0; i < f->s->n_models; i++) {
        const char *label = f->s->models[i].label;
        bool seen = false;
        for (int j = 0; j < i; j++)
            seen |= strcmp(f->s->models[j].label, label) == 0;
        if (!seen)
            add_diverged(&all, f, label);
    }
    return all;
}
