#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "plots/curve.h"
#include "plots/gnuplot.h"
#include "plots/plot.h"
#include "base/check.h"
#include "base/file.h"

const char *const plot_format_names[PLOT_FORMATS + 1] = { "png", "svg", "pdf", "term", NULL };
const char *const plot_y_names[PLOT_YS + 1] = { "token_error", "last_error", "sequence_error", "loss", "position_error",
    "prefix_error", NULL };

// What the eight colours of Okabe and Ito leave for a white page: yellow is too pale, Tol's wine stands in for it.
static const unsigned colours[] = { 0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00, 0x000000, 0x882255 };
// circle, square, triangle, diamond, triangle down, pentagon; one less: hollow
static const int filled_points[] = { 7, 5, 9, 13, 11, 15 };

#define SOLID  "1"
#define DASHED "(16,8)"                                 // lengths in the unit of the line's width
#define THIN_DASHED "(36,18)"

// How a format is asked for, its usual size and a legend's line (pixels, points for PDF, characters), its small print in
// points, and what its pictures end with.
static const struct { const char *terminal, *unit; int width, height, line, small; const char *end; } formats[PLOT_FORMATS] = {
    [PLOT_PNG]  = { "pngcairo noenhanced rounded background '#ffffff' font 'Sans,17' linewidth 1.5", "", 1600, 960, 36, 13,
        "IEND\256B`\202" },
    [PLOT_SVG]  = { "svg noenhanced rounded background '#ffffff' font 'Arial,15' linewidth 1.2", "", 1000, 600, 25, 12,
        "</svg>" },
    [PLOT_PDF]  = { "pdfcairo noenhanced rounded font 'Sans,11' linewidth 1.2", "in", 560, 340, 23, 8, "%%EOF" },
    [PLOT_TERM] = { "dumb noenhanced", "", 100, 32, 1, 0, "" },
};

int plot_format_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (int i = 0; dot && i < PLOT_TERM; i++)
        if (strcasecmp(dot + 1, plot_format_names[i]) == 0)
            return i;
    return -1;
}

// ---- what is drawn

typedef struct figure {
    const summary      *s;
    const plot_options *o;
    const curve_kind   *kind;
    plot_format         format;
    FILE               *script;
    int                 floors;                         // lines of them, chance included
    double              largest, smallest;              // of everything drawn; smallest above zero
    bool                zeros, bands, thin, dashed;     // drawn anywhere? Then it is explained below the figure
    arena              *arena;
} figure;

static int drawn_runs(const model_summary *m) { return m->count[CELL_DONE]; }

// ---- data blocks: x, y, y where it is zero (log axis only), low, high

static double drawn_y(const figure *f, const point *p) { return f->o->log_y && p->y == 0 ? p->half : p->y; }

static void put_number(FILE *script, double x)
{
    if (isfinite(x))
        fprintf(script, " %.9g", x);
    else
        fputs(" NaN", script);
}

static void put_point(figure *f, int x, const point *p)
{
    const double y = drawn_y(f, p), floor_y = f->o->log_y ? p->half : 0;
    const bool zero = f->o->log_y && p->y == 0;
    fprintf(f->script, "%d", x);
    put_number(f->script, y);
    put_number(f->script, zero ? (double)NAN : y);
    put_number(f->script, zero ? y : (double)NAN);
    put_number(f->script, fmax(p->low, floor_y));
    put_number(f->script, p->high);
    putc('\n', f->script);
    if (isfinite(y)) {
        f->largest = fmax(f->largest, y);
        if (y > 0)
            f->smallest = fmin(f->smallest, y);
    }
    f->zeros |= zero;
}

static void put_data(figure *f)
{
    for (int i = 0; i < f->s->n_models; i++) {
        const model_summary *m = &f->s->models[i];
        int n;
        const int *x = curve_xs(m, f->o->y, &n, f->arena);
        for (int j = -1; j < m->n_runs; j++) {          // −1: the median
            if (j >= 0 && m->runs[j]->state != CELL_DONE)
                continue;
            fprintf(f->script, "$m%d_%d << EOD\n", i, j + 1);
            for (int k = 0; k < n; k++) {
                const point p = j < 0 ? curve_median(m, f->o->y, x[k], f->arena) : curve_point(m->runs[j], f->o->y, x[k]);
                put_point(f, x[k], &p);
            }
            fputs("EOD\n", f->script);
        }
    }
}

// ---- floors

// The first model that has them, if no other's differ by more than a test set's noise: else they belong to none of the curves.
static const model_summary *floors_of(const figure *f)
{
    const model_summary *first = NULL;
    for (int i = 0; i < f->s->n_models; i++) {
        const model_summary *m = &f->s->models[i];
        if (m->n_lengths == 0)
            continue;
        first = first ? first : m;
        if (fabs(m->chance - first->chance) > 1e-9 || m->n_floors != first->n_floors)
            return NULL;
        for (int k = 0; k < m->n_floors; k++)
            if (strcmp(m->floors[k].name, first->floors[k].name) != 0
                    || fabs(m->floors[k].error[0] - first->floors[k].error[0]) > 0.05)
                return NULL;
    }
    return first;
}

// Of the shallow strategies the strongest at the greatest length is drawn (the table has them all); NULL: none. A terminal's
// curves have no colours to keep apart: only chance.
static const floor_summary *drawn_floor(const figure *f, const model_summary *m)
{
    const floor_summary *strongest = NULL;
    for (int k = 0; m && f->kind->floors && f->format != PLOT_TERM && k < m->n_floors; k++) {
        const double *error = m->floors[k].error;
        const int last = m->n_lengths - 1;
        if (!isnan(error[last]) && (!strongest || error[last] < strongest->error[last]))
            strongest = &m->floors[k];
    }
    return strongest;
}

static void put_floor_data(figure *f, const model_summary *m)
{
    const floor_summary *floor = drawn_floor(f, m);
    if (floor) {
        fputs("$floor << EOD\n", f->script);
        for (int i = 0; i < m->n_lengths; i++)
            if (!isnan(floor->error[i])) {
                fprintf(f->script, "%d %.9g\n", m->lengths[i], floor->error[i]);
                f->largest = fmax(f->largest, floor->error[i]);
            }
        fputs("EOD\n", f->script);
    }
    if (m && f->kind->chance && !isnan(m->chance))
        f->largest = fmax(f->largest, m->chance);
}

// ---- words

// In single quotes nothing is special to gnuplot but the quote itself.
static const char *quoted(const char *text, arena *a)
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

static const char *legend_of(const model_summary *m, arena *a)
{
    const char *name = *m->group ? arena_text(a, "%s, %s", m->label, m->group) : m->label;
    if (m->solved_of == 0 || m->solved == m->solved_of)
        return name;
    return m->solved == 0 ? arena_text(a, "%s (not learned at %d)", name, m->rule.length)
                          : arena_text(a, "%s (%d of %d learned %d)", name, m->solved, m->solved_of, m->rule.length);
}

static int longest_legend(const figure *f)
{
    int longest = 0;
    for (int i = 0; i < f->s->n_models; i++) {
        const int n = (int)strlen(legend_of(&f->s->models[i], f->arena));
        longest = n > longest ? n : longest;
    }
    return longest;
}

// What the drawing alone does not say, in lines that fit the picture.
typedef struct notes { const char *line[8]; int n; } notes;

static void add_note(notes *w, const char *text, arena *a)
{
    enum { WIDTH = 96 };
    const char *last = w->n ? w->line[w->n - 1] : "";
    if (w->n && strlen(last) + strlen(text) < WIDTH)
        w->line[w->n - 1] = arena_text(a, "%s; %s", last, text);
    else if (w->n < (int)LEN(w->line))
        w->line[w->n++] = text;
}

static notes notes_of(const figure *f)
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
        const model_summary *m = &f->s->models[i];
        if (m->count[CELL_DIVERGED])
            add_note(&all, arena_text(f->arena, "%d of %d seeds of %s diverged", m->count[CELL_DIVERGED], m->seeds, m->label),
                f->arena);
    }
    return all;
}

// ---- the script

// The legend: on the right, a line an entry; below in columns where names are long.
typedef struct legend { bool below; int columns, rows; } legend;

static legend legend_of_figure(const figure *f)
{
    const int entries = f->s->n_models + f->floors, longest = longest_legend(f);
    const bool below = f->format == PLOT_TERM || longest > 44;
    const int columns = !below ? 1 : longest > 60 ? 1 : 2;
    return (legend){ below, columns, (entries + columns - 1) / columns };
}

// Tall enough for the legend. A picture asked to be smaller gets smaller letters: else the legend would take it all.
static void put_terminal(const figure *f)
{
    const legend l = legend_of_figure(f);
    const int needed = formats[f->format].line * (l.rows + (l.below ? 0 : 8)) + (l.below ? formats[f->format].height * 4 / 5 : 0);
    const int usual = needed > formats[f->format].height ? needed : formats[f->format].height;
    const int width = f->o->width > 0 ? f->o->width : formats[f->format].width, height = f->o->height > 0 ? f->o->height : usual;
    const double unit = f->format == PLOT_PDF ? 1.0 / 72 : 1;
    fprintf(f->script, "set encoding utf8\nset terminal %s size %g%s,%g%s", formats[f->format].terminal, width * unit,
        formats[f->format].unit, height * unit, formats[f->format].unit);
    if (f->format != PLOT_TERM)
        fprintf(f->script, " fontscale %.3f", fmin((double)width / formats[f->format].width, (double)height / usual));
    fputs("\n", f->script);
}

static void put_ranges(const figure *f, int from, int to)
{
    if (f->o->log_x)
        fprintf(f->script, "set logscale x 2\nset xrange [%g:%g]\n", from / 1.06, to * 1.06);
    else
        fprintf(f->script, "set xrange [%g:%g]\n", from - 0.02 * (to - from) - (to == from),
            to + 0.02 * (to - from) + (to == from));
    if (f->o->log_y)
        fprintf(f->script, "set logscale y 10\nset yrange [%g:%g]\nset ytics format '%%g'\n", f->smallest / 1.6,
            fmax(f->largest * 1.6, f->smallest * 10));
    else if (f->kind->share && f->largest > 0.6)
        fputs("set yrange [-0.02:1.03]\n", f->script);
    else
        fprintf(f->script, "set yrange [%g:%g]\n", -0.02 * f->largest, f->largest > 0 ? 1.1 * f->largest : 1);
}

// A vertical line with its length above the frame. Several lengths: the number alone, or they would run into each other.
static void put_trained(const figure *f)
{
    int seen[64], n = 0;
    for (int i = 0; i < f->s->n_models; i++) {
        bool known = f->s->models[i].trained_length <= 0 || n == LEN(seen);
        for (int j = 0; j < n; j++)
            known |= seen[j] == f->s->models[i].trained_length;
        if (!known)
            seen[n++] = f->s->models[i].trained_length;
    }
    for (int i = 0; i < n; i++) {
        fprintf(f->script, "set arrow from first %d, graph 0 to first %d, graph 1 nohead back dashtype 3 linewidth 1.5 "
                "linecolor rgb '#606060'\n", seen[i], seen[i]);
        fprintf(f->script, "set label %s at first %d, graph 1 center offset character 0, character %s textcolor rgb '#404040'\n",
                quoted(arena_text(f->arena, n == 1 ? "trained to %d" : "%d", seen[i]), f->arena), seen[i],
                    f->format == PLOT_TERM ? "1" : "0.7");
    }
}

static void put_frame(const figure *f, const notes *explained)
{
    const bool terminal = f->format == PLOT_TERM;
    const legend l = legend_of_figure(f);
    FILE *s = f->script;
    const char *title = *f->s->head.task ? arena_text(f->arena, "%s: %s", f->s->head.sweep, f->s->head.task) : f->s->head.sweep;
    if (terminal)                                       // which has no room beside the axis
        title = arena_text(f->arena, "%s, %s", title, f->kind->axis);
    fprintf(s, "set title %s offset 0, character 1\n", quoted(title, f->arena));
    fprintf(s, "set xlabel '%s'\nset ylabel '%s'\n", f->kind->positions ? "position (symbols)" : "sequence length (symbols)",
        f->kind->axis);
    fputs("set border 3 linecolor rgb '#404040'\nset tics nomirror out\nset tmargin 4\n", s);
    if (!terminal)
        fputs("set grid ytics linetype 1 linewidth 0.6 linecolor rgb '#dcdcdc'\n", s);
    fprintf(s, "set key %s vertical Left reverse samplen %d spacing %s\n", l.below
        ? arena_text(f->arena, "below center maxcols %d", l.columns) : "outside right center",
            terminal ? 3 : 4, terminal ? "1" : "1.3");
    if (l.below && !terminal)
        fprintf(s, "set key center bottom at screen 0.5, character %g\n", 0.9 * explained->n + 1);
    if (!terminal)
        fprintf(s, "set bmargin %d\n", 4 + explained->n + (l.below ? 2 + l.rows * 14 / 10 : 0));
    for (int i = 0; !terminal && i < explained->n; i++)
        fprintf(s, "set label %s at screen 0.012, character %g left textcolor rgb '#606060' font ',%d'\n",
            quoted(explained->line[i], f->arena),
                0.9 * (explained->n - i), formats[f->format].small);
}

typedef struct style { unsigned colour; int filled, every; bool dashed; } style;

static style style_of(const figure *f, int i)
{
    int n;
    curve_xs(&f->s->models[i], f->o->y, &n, f->arena);
    return (style){ colours[i % LEN(colours)], filled_points[i % LEN(filled_points)], 1 + n / 24,
        !model_learned(&f->s->models[i]) };
}

static void put_seeds(figure *f, int i)
{
    const model_summary *m = &f->s->models[i];
    const style look = style_of(f, i);
    for (int j = 0; j < m->n_runs; j++) {
        if (m->runs[j]->state != CELL_DONE)
            continue;
        if (drawn_runs(m) == 1 && f->kind->metric != LOSS) {
            fprintf(f->script, ", $m%d_%d using 1:5:6 with filledcurves fillcolor rgb '#d8%06x' notitle", i, j + 1, look.colour);
            f->bands = true;
        } else if (drawn_runs(m) > 1) {
            fprintf(f->script, ", $m%d_%d using 1:2 with lines linewidth 1 dashtype %s linecolor rgb '#90%06x' notitle", i, j + 1,
                    m->runs[j]->solved == 0 ? THIN_DASHED : SOLID, look.colour);
            f->thin = true;
        }
        f->dashed |= m->runs[j]->solved == 0;
    }
}

static void put_median(figure *f, int i)
{
    const model_summary *m = &f->s->models[i];
    const style look = style_of(f, i);
    if (drawn_runs(m) == 0)
        return;
    const char *title = quoted(legend_of(m, f->arena), f->arena);
    if (f->format == PLOT_TERM) {
        fprintf(f->script, ", $m%d_0 using 1:2 every %d with linespoints title %s", i, look.every, title);
        return;
    }
    f->dashed |= look.dashed;
    // the line with its points; where zeros are drawn the points are set apart, so that those can be hollow
    fprintf(f->script, ", $m%d_0 using 1:2 with lines linewidth 3 dashtype %s linecolor rgb '#%06x' notitle", i,
            look.dashed ? DASHED : SOLID, look.colour);
    fprintf(f->script, ", $m%d_0 using 1:3 every %d::%d with points pointtype %d pointsize 1.4 linecolor rgb '#%06x' notitle",
        i, look.every, i % look.every, look.filled, look.colour);
    if (f->o->log_y) {
        fprintf(f->script, ", $m%d_0 using 1:4 every %d::%d with points pointtype %d pointsize 1.4 linecolor rgb '#ffffff' "
                "notitle", i, look.every, i % look.every, look.filled);
        fprintf(f->script, ", $m%d_0 using 1:4 every %d::%d with points pointtype %d pointsize 1.5 linewidth 2 linecolor rgb "
                "'#%06x' notitle",
                i, look.every, i % look.every, look.filled - 1, look.colour);
    }
    fprintf(f->script, ", keyentry with linespoints linewidth 3 dashtype %s pointtype %d pointsize 1.4 linecolor rgb '#%06x' "
            "title %s",
            look.dashed ? DASHED : SOLID, look.filled, look.colour, title);
}

// Floors lie behind the curves, but stand last in the legend.
static bool draws_chance(const figure *f, const model_summary *m)
{
    return m && f->kind->chance && !isnan(m->chance);
}

static const char chance_style[] = "with lines linewidth 1.5 dashtype (30,9,5,9) linecolor rgb '#404040'";
static const char floor_style[]  = "with lines linewidth 1.5 dashtype (5,8) linecolor rgb '#808080'";

static void put_floors(const figure *f, const model_summary *m)
{
    if (draws_chance(f, m))
        fprintf(f->script, ", %.9g %s %s", m->chance, chance_style, f->format == PLOT_TERM ? "title 'chance'"
            : "notitle");
    if (drawn_floor(f, m))
        fprintf(f->script, ", $floor using 1:2 %s notitle", floor_style);
}

static void put_floor_legend(const figure *f, const model_summary *m)
{
    if (draws_chance(f, m) && f->format != PLOT_TERM)
        fprintf(f->script, ", keyentry %s title 'chance'", chance_style);
    if (drawn_floor(f, m))
        fprintf(f->script, ", keyentry %s title %s", floor_style, quoted(drawn_floor(f, m)->name, f->arena));
}

// The curves' text comes first into memory: only then is it known what the notes must explain.
static char *curves(figure *f, const model_summary *floors)
{
    char *text;
    size_t bytes;
    FILE *whole = f->script;
    f->script = open_memstream(&text, &bytes);
    CHECK(f->script, "no memory for a figure");
    fputs("plot NaN notitle", f->script);
    for (int i = 0; f->format != PLOT_TERM && i < f->s->n_models; i++)
        put_seeds(f, i);
    put_floors(f, floors);
    for (int i = 0; i < f->s->n_models; i++)
        put_median(f, i);
    put_floor_legend(f, floors);
    putc('\n', f->script);
    CHECK(fclose(f->script) == 0, "no memory for a figure");
    f->script = whole;
    return text;
}

static bool put_script(figure *f, error *err)
{
    int from = 0, to = 0;
    for (int i = 0; i < f->s->n_models; i++) {
        int n;
        const int *x = drawn_runs(&f->s->models[i]) ? curve_xs(&f->s->models[i], f->o->y, &n, f->arena) : (n = 0, NULL);
        from = n && (!from || x[0] < from) ? x[0] : from;
        to = n && x[n - 1] > to ? x[n - 1] : to;
    }
    if (to == 0)
        return error_set(err, f->kind->positions ? "nothing to draw: no run of '%s' has errors by position yet"
            : "nothing to draw: no run of '%s' has been evaluated yet", f->s->head.sweep);
    const model_summary *floors = floors_of(f);
    f->floors = draws_chance(f, floors) + (drawn_floor(f, floors) != NULL);
    put_terminal(f);
    put_data(f);
    put_floor_data(f, floors);
    if (!isfinite(f->largest))
        return error_set(err, "nothing to draw: '%s' has no %s", f->s->head.sweep, plot_y_names[f->o->y]);
    char *text = curves(f, floors);
    const notes explained = notes_of(f);
    put_frame(f, &explained);
    put_ranges(f, from, to);
    put_trained(f);
    fputs(text, f->script);
    free(text);
    return true;
}

bool plot_write(const summary *s, const plot_options *options, const char *path, plot_format format, error *err)
{
    static const plot_options defaults;
    arena *a = arena_new();
    char *script = NULL;
    size_t bytes;
    figure f = { .s = s, .o = options ? options : &defaults, .format = format, .script = open_memstream(&script, &bytes),
                 .largest = -INFINITY, .smallest = INFINITY, .arena = a };
    CHECK(f.script, "no memory for a figure");
    CHECK(path || format == PLOT_TERM, "a %s needs a path", plot_format_names[format]);
    f.kind = &curve_kinds[f.o->y];
    bool good = put_script(&f, err);
    CHECK(fclose(f.script) == 0, "no memory for a figure");
    char *picture = good ? gnuplot_run(script, formats[format].end, &bytes, a, err) : NULL;
    if (picture && format == PLOT_TERM) {               // its notes follow as text
        gnuplot_trim(picture);
        const notes explained = notes_of(&f);
        for (int i = 0; i < explained.n; i++)
            picture = arena_text(a, "%s%s\n", picture, explained.line[i]);
        bytes = strlen(picture);
    }
    good = picture && (path ? file_write(path, picture, bytes, err)
                            : (fwrite(picture, 1, bytes, stdout) == bytes && fflush(stdout) == 0)
                                || error_set(err, "the figure cannot be printed"));
    free(script);
    arena_free(a);
    return good;
}
