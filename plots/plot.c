#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "plots/figure.h"
#include "plots/gnuplot.h"
#include "base/check.h"
#include "base/file.h"

const char *const plot_format_names[PLOT_FORMATS + 1] = { "png", "svg", "pdf", "term", NULL };
const char *const plot_y_names[PLOT_YS + 1] = { "token_error", "last_error", "sequence_error", "loss", "position_error",
    "prefix_error", NULL };
const char *const plot_x_names[PLOT_XS + 1] = { "length", "slice", "trained", NULL };
const char *const plot_panels_names[PLOT_PANELS + 1] = { "auto", "grid", "none", NULL };

const format_kind format_kinds[PLOT_FORMATS] = {
    [PLOT_PNG]  = { "pngcairo noenhanced rounded background '#ffffff' font 'Sans,17' linewidth 1.5", "", 1600, 960, 35, 13,
        "IEND\256B`\202" },
    [PLOT_SVG]  = { "svg noenhanced rounded background '#ffffff' font 'Arial,15' linewidth 1.2", "", 1000, 600, 30, 12,
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

// ---- words

const char *title_of(const figure *f)
{
    const summary_head *head = &f->s->head;             // whose task is the first model's
    return *head->task && !f->sheet.tasks ? arena_text(f->arena, "%s: %s", head->sweep, head->task) : head->sweep;
}

const char *x_label(const figure *f)
{
    static const char *const labels[PLOT_XS] = { "sequence length (symbols)", "setting of the task",
        "length trained and tested at (symbols)" };
    return f->kind->positions ? "position (symbols)" : labels[f->sheet.axes.x];
}

void put_axes(const figure *f)
{
    fputs("set border 3 linecolor rgb '#404040'\nset tics nomirror out\n", f->script);
    if (f->format != PLOT_TERM)
        fputs("set grid ytics linetype 1 linewidth 0.6 linecolor rgb '#dcdcdc'\n", f->script);
    put_ranges(f);
}

void put_notes(const figure *f, const notes *notes)
{
    for (int i = 0; i < notes->n; i++)
        fprintf(f->script, "set label %s at screen 0.012, character %g left textcolor rgb '#606060' font ',%d'\n",
            quoted(notes->line[i], f->arena), 0.9 * (notes->n - i), format_kinds[f->format].small);
}

// A picture asked to be of another size gets letters to match: else the legend would take it all.
void put_terminal(const figure *f, double width, double height)
{
    const format_kind *k = &format_kinds[f->format];
    const double wide = f->o->width > 0 ? f->o->width : width, high = f->o->height > 0 ? f->o->height : height;
    const double unit = f->format == PLOT_PDF ? 1.0 / 72 : 1;
    fprintf(f->script, "set encoding utf8\nset terminal %s size %g%s,%g%s", k->terminal, wide * unit, k->unit, high * unit,
            k->unit);
    if (f->format != PLOT_TERM)
        fprintf(f->script, " fontscale %.3f", fmin(wide / width, high / height));
    fputs("\n", f->script);
}

// ---- one panel: its legend on the right, a line an entry, if that has room

static bool has_room(const legend *l) { return l->n <= 24 && l->longest <= 44; }

// Tall enough for the legend. How wide the panel is, is gnuplot's to say: about what the legend leaves.
static void put_single(const figure *f, const legend *l, const notes *notes, const char *curves)
{
    const format_kind *k = &format_kinds[f->format];
    const double characters = 3.0 * k->width / k->line - 20 - l->longest;
    FILE *out = f->script;
    put_terminal(f, k->width, fmax(k->height, k->line * (l->n + 8)));
    fprintf(out, "set title %s offset 0, character 1\nset xlabel '%s'\nset ylabel '%s'\nset tmargin 4\nset bmargin %g\n",
            quoted(title_of(f), f->arena), x_label(f), f->kind->axis, 3 + tics_lines(f, characters) + notes->n);
    fputs("set key outside right center vertical Left reverse samplen 4 spacing 1.3\n", out);
    put_axes(f);
    put_tics(f, characters, true);
    put_trained(f, 0, characters);
    put_notes(f, notes);
    fputs(curves, out);
    put_legend(f, l);
}

// ---- characters: panel after panel, the legend below the last

static void put_characters(const figure *f, const legend *l, char *const *curves)
{
    const format_kind *k = &format_kinds[PLOT_TERM];
    const int last = f->sheet.n - 1, frame = k->height * 4 / 5;
    for (int i = 0; i <= last; i++) {
        const char *of = f->sheet.panel[i].title, *title = arena_text(f->arena, "%s%s%s, %s", title_of(f), *of ? ", " : "", of,
            f->kind->axis);
        put_terminal(f, k->width, i < last ? frame : fmax(k->height, frame + l->n));
        fprintf(f->script, "set title %s offset 0, character 1\nset xlabel '%s'\nset tmargin 4\n",
                quoted(title, f->arena), x_label(f));
        fputs(i < last ? "unset key\n" : "set key below center maxcols 1 vertical Left reverse samplen 3 spacing 1\n", f->script);
        put_axes(f);
        put_tics(f, k->width - 12, true);
        put_trained(f, i, k->width - 12);
        fputs(curves[i], f->script);
        if (i == last)
            put_legend(f, l);
        fputs("\nunset label\nunset arrow\n", f->script);
    }
}

// ---- the script

// The curves' text comes first into memory: only then is it known what the notes must explain.
static char *curves_of(figure *f, int panel)
{
    char *text;
    size_t bytes;
    FILE *whole = f->script;
    f->script = open_memstream(&text, &bytes);
    CHECK(f->script, "no memory for a figure");
    fputs("plot NaN notitle", f->script);
    put_curves(f, panel);
    CHECK(fclose(f->script) == 0, "no memory for a figure");
    f->script = whole;
    char *kept = arena_copy(f->arena, text);
    free(text);
    return kept;
}

static bool nothing(const figure *f, error *err)
{
    static const char *const missing[PLOT_XS] = { "has been evaluated yet", "has slices of its evaluation",
        "has been evaluated at its trained length" };
    return error_set(err, f->kind->positions ? "nothing to draw: no run of '%s' has errors by position yet"
        : "nothing to draw: no run of '%s' %s", f->s->head.sweep, missing[f->sheet.axes.x]);
}

static bool put_script(figure *f, error *err)
{
    put_data(f);
    if (f->to < f->from)
        return nothing(f, err);
    if (!isfinite(f->largest))
        return error_set(err, "nothing to draw: '%s' has no %s", f->s->head.sweep, plot_y_names[f->o->y]);
    char **curves = arena_take(f->arena, (size_t)f->sheet.n * sizeof *curves);
    for (int i = 0; i < f->sheet.n; i++)
        curves[i] = curves_of(f, i);
    const legend l = legend_of(f);
    const notes explained = notes_of(f);
    if (f->format == PLOT_TERM)
        put_characters(f, &l, curves);
    else if (f->sheet.n == 1 && has_room(&l))
        put_single(f, &l, &explained, curves[0]);
    else
        put_page(f, &l, &explained, curves);
    putc('\n', f->script);
    return true;
}

bool plot_write(const summary *s, const plot_options *options, const char *path, plot_format format, error *err)
{
    static const plot_options defaults;
    arena *a = arena_new();
    char *script = NULL;
    size_t bytes;
    figure f = { .s = s, .o = options ? options : &defaults, .format = format, .script = open_memstream(&script, &bytes),
                 .from = INT_MAX, .to = INT_MIN, .largest = -INFINITY, .smallest = INFINITY, .arena = a };
    CHECK(f.script, "no memory for a figure");
    CHECK(path || format == PLOT_TERM, "a %s needs a path", plot_format_names[format]);
    f.kind = &curve_kinds[f.o->y];
    f.sheet = sheet_of(s, f.o, a);
    bool good = put_script(&f, err);
    CHECK(fclose(f.script) == 0, "no memory for a figure");
    char *picture = good ? gnuplot_run(script, format_kinds[format].end, &bytes, a, err) : NULL;
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
