// A panel's frame: ranges, tics, and where training ended.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "plots/figure.h"
#include "base/check.h"
#include "results/grid.h"

void put_ranges(const figure *f)
{
    const double from = f->from, to = f->to, wide = f->sheet.axes.x == PLOT_SLICE ? 0.4 : 0.02 * (to - from) + (to == from);
    if (f->o->log_x && f->sheet.axes.x != PLOT_SLICE)
        fprintf(f->script, "set logscale x 2\nset xrange [%g:%g]\n", from / 1.06, to * 1.06);
    else
        fprintf(f->script, "set xrange [%g:%g]\n", from - wide, to + wide);
    if (f->o->log_y)
        fprintf(f->script, "set logscale y 10\nset yrange [%g:%g]\nset ytics format '%%g'\n", f->smallest / 1.6,
            fmax(f->largest * 1.6, f->smallest * 10));
    else if (f->kind->share && f->largest > 0.6)
        fputs("set yrange [-0.02:1.03]\n", f->script);
    else
        fprintf(f->script, "set yrange [%g:%g]\n", -0.02 * f->largest, f->largest > 0 ? 1.1 * f->largest : 1);
}

// ---- tics of slices

typedef enum { ONE_LINE, TWO_LINES, SLANTED } tics_form;

// The first form in which the names have room; longest: of all names, in characters.
static tics_form form_of(const axes *axes, double characters, int *longest)
{
    int halves = 0;
    *longest = 0;
    for (int i = 0; i < axes->n_slices; i++) {
        const char *space = strchr(axes->slice[i], ' ');
        const int whole = text_width(axes->slice[i]), rest = space ? text_width(space + 1) : whole;
        const int half = rest > whole - rest ? rest : whole - rest;
        *longest = whole > *longest ? whole : *longest;
        halves = half > halves ? half : halves;
    }
    const double room = characters / axes->n_slices - 1;
    return *longest <= room ? ONE_LINE : halves <= room ? TWO_LINES : SLANTED;
}

// "64" over "pairs 4"
static const char *two_lines(const char *name, arena *a)
{
    const char *space = strchr(name, ' ');
    return !space ? quoted(name, a) : arena_text(a, "%s.\"\\n\".%s", quoted(arena_text(a, "%.*s", (int)(space - name), name), a),
                                                 quoted(space + 1, a));
}

static void put_slice_tics(const figure *f, double characters, bool words)
{
    const axes *axes = &f->sheet.axes;
    int longest;
    const tics_form form = form_of(axes, characters, &longest);
    fprintf(f->script, "set xtics %s (", form == SLANTED ? "rotate by 30 right" : "norotate");
    for (int i = 0; i < axes->n_slices; i++)
        fprintf(f->script, "%s%s %d", i ? ", " : "", !words ? "''" : form == TWO_LINES ? two_lines(axes->slice[i], f->arena)
            : quoted(axes->slice[i], f->arena), i);
    fputs(")\n", f->script);
}

// ---- lengths, each where it has room beside the last: `end` is where that one's number ends, in characters

static bool has_room(const figure *f, double characters, int x, double *end)
{
    const double from = f->from, to = f->to;
    const double at = to == from ? 0 : characters * (f->o->log_x ? log(x / from) / log(to / from) : (x - from) / (to - from));
    const double half = (1 + floor(log10(x))) / 2;
    if (at - half <= *end + 1)
        return false;
    *end = at + half;
    return true;
}

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

// Of some models, each once, ascending.
typedef struct lengths { int n, at[64]; } lengths;

static void add_length(lengths *l, int length)
{
    bool known = length <= 0 || l->n == (int)LEN(l->at);
    for (int i = 0; i < l->n; i++)
        known |= l->at[i] == length;
    if (!known)
        l->at[l->n++] = length;
    qsort(l->at, (size_t)l->n, sizeof *l->at, ascending);
}

static void put_trained_tics(const figure *f, double characters, bool words)
{
    lengths l = { 0 };
    double end = -INFINITY;
    for (int i = 0; i < f->s->n_models; i++)
        add_length(&l, f->s->models[i].trained_length);
    fputs("set xtics (", f->script);
    for (int i = 0; i < l.n; i++) {
        const char *word = words && has_room(f, characters, l.at[i], &end) ? arena_text(f->arena, "%d", l.at[i]) : "";
        fprintf(f->script, "%s'%s' %d", i ? ", " : "", word, l.at[i]);
    }
    fputs(")\n", f->script);
}

void put_tics(const figure *f, double characters, bool words)
{
    if (f->sheet.axes.x == PLOT_SLICE)
        put_slice_tics(f, characters, words);
    else if (f->sheet.axes.x == PLOT_TRAINED)
        put_trained_tics(f, characters, words);
    else
        fprintf(f->script, "set format x '%s'\n", words ? "%g" : "");
}

double tics_lines(const figure *f, double characters)
{
    int longest;
    static const double lines[] = { [ONE_LINE] = 1, [TWO_LINES] = 2 };
    if (f->sheet.axes.x != PLOT_SLICE)
        return 1;
    const tics_form form = form_of(&f->sheet.axes, characters, &longest);
    return form == SLANTED ? 1 + 0.23 * longest : lines[form];
}

// ---- where training ended

bool marks_trained(const figure *f) { return f->sheet.axes.x == PLOT_LENGTH; }

// A vertical line with its length above the frame. Several lengths, or a narrow panel: the number alone, or they would run
// into each other.
void put_trained(const figure *f, int panel, double characters)
{
    const bool terminal = f->format == PLOT_TERM, one = f->sheet.n == 1;
    const char *font = one || terminal ? "" : arena_text(f->arena, " font ',%d'", format_kinds[f->format].small);
    lengths l = { 0 };
    double end = -INFINITY;
    for (int i = 0; marks_trained(f) && i < f->sheet.panel[panel].n; i++)
        add_length(&l, f->sheet.panel[panel].curve[i].models[0]->trained_length);
    const bool words = one && l.n == 1;
    for (int i = 0; i < l.n; i++) {
        const int x = l.at[i];
        fprintf(f->script, "set arrow from first %d, graph 0 to first %d, graph 1 nohead back " TRAINED_STYLE "\n", x, x);
        if (has_room(f, characters, x, &end))
            fprintf(f->script, "set label '%s%d' at first %d, graph 1 center offset 0, character %s textcolor rgb '#404040'%s\n",
                    words ? "trained to " : "", x, x, terminal ? "1" : "0.7", font);
    }
}
