#include <math.h>
#include <string.h>
#include "plots/figure.h"
#include "base/check.h"
#include "results/grid.h"

// What the eight colours of Okabe and Ito leave for a white page: yellow is too pale, Tol's wine stands in for it.
static const unsigned colours[] = { 0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00, 0x000000, 0x882255 };
// circle, square, triangle, diamond, triangle down, pentagon; one less: hollow
static const int filled_points[] = { 7, 5, 9, 13, 11, 15 };

#define SOLID  "1"
#define DASHED "(16,8)"                                 // lengths in the unit of the line's width
#define THIN_DASHED "(36,18)"

static const char chance_style[]  = "with lines linewidth 1.5 dashtype (30,9,5,9) linecolor rgb '#404040'";
static const char floor_style[]   = "with lines linewidth 1.5 dashtype (5,8) linecolor rgb '#808080'";
static const char trained_style[] = "with lines " TRAINED_STYLE;

static unsigned colour_of(int look) { return colours[look % (int)LEN(colours)]; }
static int point_of(int look) { return filled_points[look % (int)LEN(filled_points)]; }

// A terminal's letters and the characters between them.
static const char *character_style(const figure *f, int look)
{
    return arena_text(f->arena, "with linespoints linetype %d pointtype %d", look + 1, look + 1);
}

static const char *style_of_chance(const figure *f)
{
    return f->format == PLOT_TERM ? arena_text(f->arena, "with lines linetype %d", f->sheet.n_looks + 1) : chance_style;
}

// ---- curves

static void put_seeds(figure *f, int panel, int i)
{
    const curve *c = &f->sheet.panel[panel].curve[i];
    const int drawn = curve_drawn(c);
    for (int j = 0; j < c->n_seeds; j++) {
        if (!curve_has(c, j))
            continue;
        if (drawn == 1 && f->kind->metric != LOSS) {
            fprintf(f->script, ", $d%d_%d_%d using 1:5:6 with filledcurves fillcolor rgb '#d8%06x' notitle", panel, i, j + 1,
                    colour_of(c->look));
            f->bands = true;
        } else if (drawn > 1) {
            fprintf(f->script, ", $d%d_%d_%d using 1:2 with lines linewidth 1 dashtype %s linecolor rgb '#90%06x' notitle",
                    panel, i, j + 1, curve_seed_unlearned(c, j) ? THIN_DASHED : SOLID, colour_of(c->look));
            f->thin = true;
        }
        f->dashed |= curve_seed_unlearned(c, j);
    }
}

// The line with its points; where zeros are drawn the points are set apart, so that those can be hollow.
static void put_median(figure *f, int panel, int i)
{
    const curve *c = &f->sheet.panel[panel].curve[i];
    const int every = 1 + c->n / (f->sheet.n > 1 ? 12 : 24), shape = point_of(c->look);
    const char *data = arena_text(f->arena, ", $d%d_%d_0 using", panel, i);
    const char *points = arena_text(f->arena, "every %d::%d with points", every, c->look % every);
    const unsigned colour = colour_of(c->look);
    if (curve_drawn(c) == 0)
        return;
    if (f->format == PLOT_TERM) {
        fprintf(f->script, "%s 1:2 every %d %s notitle", data, every, character_style(f, c->look));
        return;
    }
    f->dashed |= curve_unlearned(c);
    fprintf(f->script, "%s 1:2 with lines linewidth 3 dashtype %s linecolor rgb '#%06x' notitle", data,
            curve_unlearned(c) ? DASHED : SOLID, colour);
    fprintf(f->script, "%s 1:3 %s pointtype %d pointsize 1.4 linecolor rgb '#%06x' notitle", data, points, shape, colour);
    if (f->o->log_y) {
        fprintf(f->script, "%s 1:4 %s pointtype %d pointsize 1.4 linecolor rgb '#ffffff' notitle", data, points, shape);
        fprintf(f->script, "%s 1:4 %s pointtype %d pointsize 1.5 linewidth 2 linecolor rgb '#%06x' notitle", data, points,
                shape - 1, colour);
    }
}

// One value everywhere reaches over the whole axis.
static void put_references(const figure *f, int panel)
{
    const reference *r = &f->reference[panel];
    double least = INFINITY, most = -INFINITY;
    for (int k = 0; r->chance && k < r->n; k++) {
        least = fmin(least, r->chance[k]);              // of a NaN and a number, the number
        most = fmax(most, r->chance[k]);
    }
    if (r->chance && least == most)
        fprintf(f->script, ", %.9g %s notitle", least, style_of_chance(f));
    else if (r->chance)
        fprintf(f->script, ", $chance%d using 1:2 %s notitle", panel, style_of_chance(f));
    if (r->floor)
        fprintf(f->script, ", $floor%d using 1:2 %s notitle", panel, floor_style);
}

void put_curves(figure *f, int panel)
{
    const int n = f->sheet.panel[panel].n;
    for (int i = 0; f->format != PLOT_TERM && i < n; i++)
        put_seeds(f, panel, i);
    put_references(f, panel);
    for (int i = 0; i < n; i++)
        put_median(f, panel, i);
}

// ---- the legend

typedef struct drawn { int curves, unlearned; } drawn;

static drawn drawn_of(const figure *f, int look)
{
    drawn d = { 0, 0 };
    for (int i = 0; i < f->sheet.n; i++)
        for (int j = 0; j < f->sheet.panel[i].n; j++) {
            const curve *c = &f->sheet.panel[i].curve[j];
            const bool shown = c->look == look && curve_drawn(c);
            d.curves += shown;
            d.unlearned += shown && curve_unlearned(c);
        }
    return d;
}

static bool draws_chance(const figure *f)
{
    bool any = false;
    for (int i = 0; i < f->sheet.n; i++)
        any |= f->reference[i].chance != NULL;
    return any;
}

// NULL: none; panels may have different ones.
static const char *floor_name(const figure *f)
{
    const char *name = NULL;
    for (int i = 0; i < f->sheet.n; i++) {
        const char *here = f->reference[i].name;
        if (here && name && strcmp(name, here) != 0)
            return "strongest shallow strategy";
        name = here ? here : name;
    }
    return name;
}

// "mamba (4 of 5 learned 18)"; of several panels it would not say which.
static const char *look_words(const figure *f, const look *l)
{
    const model_summary *m = l->model;
    if (f->sheet.n > 1 || l->n_models > 1 || m->solved_of == 0 || m->solved == m->solved_of)
        return l->name;
    return m->solved == 0 ? arena_text(f->arena, "%s (not learned at %d)", l->name, m->rule.length)
                          : arena_text(f->arena, "%s (%d of %d learned %d)", l->name, m->solved, m->solved_of, m->rule.length);
}

static void add_entry(legend *l, const char *style, const char *title)
{
    const int width = text_width(title);
    l->entry[l->n++] = (legend_entry){ style, title };
    l->longest = width > l->longest ? width : l->longest;
}

static const char *look_style(const figure *f, int look, drawn d)
{
    if (f->format == PLOT_TERM)
        return character_style(f, look);
    return arena_text(f->arena, "with linespoints linewidth 3 dashtype %s pointtype %d pointsize 1.4 linecolor rgb '#%06x'",
                      d.unlearned == d.curves ? DASHED : SOLID, point_of(look), colour_of(look));
}

legend legend_of(const figure *f)
{
    legend l = { .entry = arena_take(f->arena, ((size_t)f->sheet.n_looks + 3) * sizeof *l.entry) };
    for (int i = 0; i < f->sheet.n_looks; i++) {
        const drawn d = drawn_of(f, i);
        if (d.curves)
            add_entry(&l, look_style(f, i, d), look_words(f, &f->sheet.look[i]));
    }
    if (draws_chance(f))
        add_entry(&l, style_of_chance(f), "chance");
    if (floor_name(f))
        add_entry(&l, floor_style, floor_name(f));
    if (marks_trained(f) && f->sheet.n > 1 && f->format != PLOT_TERM)
        add_entry(&l, trained_style, "trained length");
    return l;
}

void put_legend(const figure *f, const legend *l)
{
    for (int i = 0; i < l->n; i++)
        fprintf(f->script, ", keyentry %s title %s", l->entry[i].style, quoted(l->entry[i].title, f->arena));
}
