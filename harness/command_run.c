// run, status, table, plot, export: the commands that take a sweep file.
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/command.h"
#include "harness/estimate.h"
#include "harness/external.h"
#include "harness/runner.h"
#include "harness/select.h"
#include "harness/stages.h"
#include "plots/plot.h"
#include "results/table.h"

#define STORE_HELP "folder of the results"
#define STORE_DEFAULT "results/runs"

// ---- a sweep, the cells chosen, and what the store holds of them

typedef struct opened { sweep *sweep; const char *only; bool *chosen; store *store; selection selection; } opened;

// Is the run of this name one of those that --only asks for?
static bool is_chosen(const char *name, void *only)
{
    regex_t expression;
    if (!*(const char *)only) return true;
    CHECK(regcomp(&expression, only, REG_EXTENDED | REG_NOSUB) == 0, "'%s' was an expression before", (const char *)only);
    const bool matches = regexec(&expression, name, 0, NULL, 0) == 0;
    regfree(&expression);
    return matches;
}

static bool is_expression(const char *only)
{
    regex_t expression;
    if (regcomp(&expression, only, REG_EXTENDED | REG_NOSUB)) return false;
    regfree(&expression);
    return true;
}

// Rows from elsewhere have names too.
static bool chooses_external(const opened *o, const char *folder, arena *a)
{
    error e = {0};
    summary *s = summary_new(&(summary_head){ .sweep = o->sweep->name }, a);
    const store *st = store_open(folder, false, a, &e);
    return st && external_add(s, o->sweep, st, is_chosen, (char *)o->only, a, &e) && s->n_runs > 0;
}

// folder: of the store whose rows are chosen from; NULL: what is chosen is to be run.
static bool choose(opened *o, const char *folder, arena *a, diag *d)
{
    o->chosen = arena_zero(a, o->sweep->n * sizeof(bool));
    if (!is_expression(o->only)) {
        diag_error(d, (mark){0}, "--only '%s' is not a regular expression", o->only);
        return false;
    }
    int n = 0;
    for (int i = 0; i < o->sweep->n; i++) {
        const cell *c = &o->sweep->cell[i];
        n += o->chosen[i] = is_chosen(arena_text(a, "%s %s s%d", c->variant->label, c->variant->point, c->seed), (char *)o->only);
    }
    if (n || (folder && chooses_external(o, folder, a))) return true;
    diag_error(d, (mark){0}, "--only '%s' matches none of the %d runs; a run is called '%s s%d'", o->only, o->sweep->n,
               o->sweep->cell[0].variant->label, o->sweep->cell[0].seed);
    return false;
}

static bool open_sweep(opened *o, const char *path, const char *only, const char *folder, arena *a, diag *d)
{
    o->only = only;
    o->sweep = sweep_load(path, a, d);
    return o->sweep && choose(o, folder, a, d);
}

typedef struct adding { summary *summary; const cell *cell; } adding;

static bool add_row(const row *r, void *data)
{
    const adding *x = data;
    const cell_options *o = &x->cell->variant->options;
    const solved_rule rule = { .length = solved_length(o), .metric = TOKEN_ERROR, .below = o->solved.token_error_below };
    summary_add(x->summary, &(summary_cell){ .label = x->cell->variant->label, .group = x->cell->variant->point,
                                             .compared = x->cell->variant->group, .seed = x->cell->seed,
                                             .trained_length = train_longest(&o->train), .solved = rule, .row = r });
    return true;
}

// "word-problem, group S3, start bos"
static const char *task_title(const cell_options *o, arena *a)
{
    char *text = arena_copy(a, param_print_object(&o->task, PRINT_CHANGED, a) + strlen("{ name: ")), *to = text;
    for (const char *from = text; *from; from++)
        if (!strchr(":{}", *from)) *to++ = *from;
    while (to > text && to[-1] == ' ') to--;
    *to = 0;
    return text;
}

static const cell_options *first_chosen(const opened *o)
{
    int i = 0;
    while (i < o->sweep->n - 1 && !o->chosen[i]) i++;
    return &o->sweep->cell[i].variant->options;
}

static bool is_reported(const opened *o, const cell *c)
{
    return !c->trial && o->selection.reported[c->variant - o->sweep->variant];
}

// The runs that are reported in the order of the grid, wherever in it the chosen points lie.
static bool add_reported(opened *o, summary *s, error *e)
{
    const sweep *w = o->sweep;
    for (int v = 0; v < w->n_variants; v++) {
        bool first = true;
        for (int i = 0; i < v; i++) first &= !select_rivals(&w->variant[i], &w->variant[v]);
        for (int i = 0; first && i < w->n; i++) {
            const cell *c = &w->cell[i];
            if (o->chosen[i] && is_reported(o, c) && select_rivals(c->variant, &w->variant[v]) &&
                !store_read(o->store, c->id, c->evaluation, add_row, &(adding){ s, c }, e)) return false;
        }
    }
    return true;
}

static summary *summarise(opened *o, const char *folder, arena *a, error *e)
{
    o->store = store_open(folder, false, a, e);
    if (!o->store || !select_points(&o->selection, o->sweep, o->store, a, e)) return NULL;
    if (o->selection.open)
        fprintf(stderr, "%d model%s: the trials of 'select' have not all ended; nothing is reported of %s yet\n",
                o->selection.open, o->selection.open == 1 ? "" : "s", o->selection.open == 1 ? "it" : "them");
    summary *s = summary_new(&(summary_head){ .sweep = o->sweep->name, .task = task_title(first_chosen(o), a),
                                              .selection = o->selection.sentence }, a);
    if (!add_reported(o, s, e)) return NULL;
    if (!external_add(s, o->sweep, o->store, is_chosen, (char *)o->only, a, e)) return NULL;
    summary_finish(s);
    return s;
}

static int store_trouble(const error *e)
{
    fprintf(stderr, "error: %s\n", e->text);
    return EXIT_STORE;
}

// ---- run

typedef struct run_flags { const char *store, *only; int jobs, threads, retry; double checkpoint_every; bool dry_run; } run_flags;
static const char *const retry_words[] = { "none", "failed", NULL };
static const param run_params[] = {
    TEXT  (run_flags, store, STORE_DEFAULT, STORE_HELP),
    INT   (run_flags, jobs, "auto", 1, 256, "runs at the same time; by default as many as there are cores"),
    INT   (run_flags, threads, "auto", 1, 256, "threads of each run; by default cores / jobs"),
    TEXT  (run_flags, only, "''", "only the runs whose name (LABEL POINT sSEED) matches this regular expression"),
    CHOICE(run_flags, retry, "none", retry_words, "train failed runs again"),
    REAL  (run_flags, checkpoint_every, "60", 0, 1e9, "seconds between two checkpoints of a run"),
    BOOL  (run_flags, dry_run, "false", "show what would be run, with parameters and estimated time, and run nothing"),
    {0}
};

static plot_options plot_options_of(const opened *o)
{
    const plot_settings *p = &o->sweep->variant[0].options.plot;
    return (plot_options){ .x = p->x, .panels = p->panels, .log_x = p->log_x, .log_y = p->log_y };
}

static const char *draw_figure(opened *o, const summary *s, const char *folder, arena *a, error *e)
{
    const char *figures = arena_text(a, "%s/figures", folder), *path = arena_text(a, "%s/%s.png", figures, o->sweep->name);
    const plot_options options = plot_options_of(o);
    return file_make_folder(figures, e) && plot_write(s, &options, path, PLOT_PNG, e) ? path : NULL;
}

static int show_results(opened *o, const char *folder, arena *a)
{
    error e = {0};
    const summary *s = summarise(o, folder, a, &e);
    if (!s) return store_trouble(&e);
    table_print(stdout, s, TABLE_TEXT, &(table_options){ .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") });
    const char *figure = draw_figure(o, s, folder, a, &e);
    if (figure) printf("\nfigure: %s\n", figure);
    else        fprintf(stderr, "no figure: %s\n", e.text);
    return EXIT_DONE;
}

// The trials of `select`, or the runs that are reported.
static run_counts run_part(const opened *o, bool trials, const run_options *options, arena *a, error *e)
{
    bool *part = arena_take(a, o->sweep->n * sizeof(bool));
    for (int i = 0; i < o->sweep->n; i++) {
        const cell *c = &o->sweep->cell[i];
        part[i] = o->chosen[i] && (trials ? c->trial : is_reported(o, c));
    }
    return run_cells(o->sweep, part, options, e);
}

static int run_run(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const run_flags *f = flags;
    opened o = {0};
    error e = {0};
    if (!open_sweep(&o, words[0], f->only, NULL, a, d)) return wrong_input(d);
    if (f->dry_run) return estimate_print(o.sweep, o.chosen, f->store, a);
    const run_options options = { .store = f->store, .jobs = f->jobs == AUTO_INT ? 0 : f->jobs,
                                  .threads = f->threads == AUTO_INT ? 0 : f->threads,
                                  .checkpoint_every = f->checkpoint_every, .retry_failed = f->retry == 1 };
    run_counts c = {0};
    if (o.sweep->selects) c = run_part(&o, true, &options, a, &e);
    if (!c.store_broken && !c.interrupted) {
        o.store = store_open(f->store, false, a, &e);
        if (!o.store || !select_points(&o.selection, o.sweep, o.store, a, &e)) return store_trouble(&e);
        const int failed = c.failed;
        c = run_part(&o, false, &options, a, &e);
        c.failed += failed;
    }
    if (c.store_broken) return store_trouble(&e);
    if (c.interrupted) {
        fprintf(stderr, "interrupted; nothing is lost: the same command continues where it stopped\n");
        return EXIT_INTERRUPTED;
    }
    const int status = show_results(&o, f->store, a);
    if (c.failed) fprintf(stderr, "%d run%s failed: see the table, and --retry failed\n", c.failed, c.failed == 1 ? "" : "s");
    return status ? status : c.failed ? EXIT_SOME_FAILED : EXIT_DONE;
}

const command command_run = {
    .name = "run", .arguments = "SWEEP.yaml",
    .summary = "train and evaluate every run of a sweep that is not done, then print the table and draw the figure",
    .help = "The same command again continues: finished runs are skipped, interrupted ones go on from their checkpoint.",
    .flags = run_params, .flags_size = sizeof(run_flags), .least = 1, .most = 1, .run = run_run,
};

// ---- status

typedef struct status_flags { const char *store, *only; } status_flags;
static const param status_params[] = {
    TEXT(status_flags, store, STORE_DEFAULT, STORE_HELP),
    TEXT(status_flags, only, "''", "only the runs whose name matches this regular expression"),
    {0}
};

static int run_status_command(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const status_flags *f = flags;
    opened o = {0};
    error e = {0};
    if (!open_sweep(&o, words[0], f->only, f->store, a, d)) return wrong_input(d);
    const summary *s = summarise(&o, f->store, a, &e);
    if (!s) return store_trouble(&e);
    int count[CELL_STATES] = {0};
    for (int i = 0; i < s->n_runs; i++) {
        const run_summary *r = s->runs[i];
        count[r->state]++;
        printf("%-14s %s s%lld %s", cell_state_names[r->state], r->label, (long long)r->seed, r->group);
        if (r->steps >= 0) printf(" %lld steps", (long long)r->steps);
        printf("%s%s\n", *r->reason ? " " : "", r->reason);
    }
    for (int i = 0; i < CELL_STATES; i++)
        if (count[i]) printf("%d %s  ", count[i], cell_state_names[i]);
    printf("of %d\n", s->n_runs);
    return EXIT_DONE;
}

const command command_status = {
    .name = "status", .arguments = "SWEEP.yaml", .summary = "what is done, running, failed, missing",
    .flags = status_params, .flags_size = sizeof(status_flags), .least = 1, .most = 1, .run = run_status_command,
};

// ---- table

typedef struct table_flags { const char *store, *only; int format, metric; bool seeds, compare, method; } table_flags;
static const param table_params[] = {
    TEXT  (table_flags, store, STORE_DEFAULT, STORE_HELP),
    TEXT  (table_flags, only, "''", "only the runs whose name matches this regular expression"),
    CHOICE(table_flags, format, "text", table_format_names, "form"),
    CHOICE(table_flags, metric, "token_error", metric_names, "what the error columns show"),
    BOOL  (table_flags, seeds, "false", "one more table with a row a seed"),
    BOOL  (table_flags, compare, "false", "permutation tests between the models, Holm-corrected"),
    BOOL  (table_flags, method, "false", "how the numbers were made, as a paragraph"),
    {0}
};

static int run_table(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const table_flags *f = flags;
    opened o = {0};
    error e = {0};
    if (!open_sweep(&o, words[0], f->only, f->store, a, d)) return wrong_input(d);
    const summary *s = summarise(&o, f->store, a, &e);
    if (!s) return store_trouble(&e);
    const table_options options = { .metric = f->metric, .seeds = f->seeds, .compare = f->compare,
                                    .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") };
    if (f->method) table_method(stdout, s);
    else           table_print(stdout, s, f->format, &options);
    return EXIT_DONE;
}

const command command_table = {
    .name = "table", .arguments = "SWEEP.yaml", .summary = "the results of a sweep as a table",
    .flags = table_params, .flags_size = sizeof(table_flags), .least = 1, .most = 1, .run = run_table,
};

// ---- plot

typedef struct plot_flags {
    const char *store, *only, *output;
    int         y, x, panels, width, height;
    bool        term, log_x, log_y;
} plot_flags;
static const param plot_params[] = {
    TEXT  (plot_flags, store, STORE_DEFAULT, STORE_HELP),
    TEXT  (plot_flags, only, "''", "only the runs whose name matches this regular expression"),
    TEXT  (plot_flags, output, "''", "file to write (also -o): .png, .svg or .pdf; by default STORE/figures/SWEEP.png"),
    CHOICE(plot_flags, y, "token_error", plot_y_names, "what is drawn"),
    CHOICE(plot_flags, x, "auto", plot_x_names, "what it is drawn against; auto: what the sweep says"),
    CHOICE(plot_flags, panels, "auto", plot_panels_names,
           "grid: a panel a grid point; none: one panel; auto: what the sweep says"),
    BOOL  (plot_flags, term, "false", "draw with characters, in the terminal"),
    BOOL  (plot_flags, log_x, "false", "logarithmic length axis"),
    BOOL  (plot_flags, log_y, "false", "logarithmic error axis"),
    INT   (plot_flags, width, "auto", 20, 20000, "width: pixels, points for pdf, characters for --term"),
    INT   (plot_flags, height, "auto", 10, 20000, "height"),
    {0}
};

static int run_plot(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const plot_flags *f = flags;
    opened o = {0};
    error e = {0};
    const int format = f->term ? PLOT_TERM : *f->output ? plot_format_of(f->output) : PLOT_PNG;
    if (format < 0) diag_error(d, (mark){0}, "--output %s: the name must end in .png, .svg or .pdf", f->output);
    if (!open_sweep(&o, words[0], f->only, f->store, a, d) || diag_errors(d)) return wrong_input(d);
    const summary *s = summarise(&o, f->store, a, &e);
    if (!s) return store_trouble(&e);
    plot_options options = plot_options_of(&o);
    options.y = f->y;
    if (f->x != AUTO_INT) options.x = f->x;
    if (f->panels != PANELS_AUTO) options.panels = f->panels;
    options.log_x |= f->log_x;
    options.log_y |= f->log_y;
    options.width  = f->width == AUTO_INT ? 0 : f->width;
    options.height = f->height == AUTO_INT ? 0 : f->height;
    const char *path = f->term ? NULL : *f->output ? f->output : arena_text(a, "%s/figures/%s.png", f->store, o.sweep->name);
    if (path && !*f->output && !file_make_folder(arena_text(a, "%s/figures", f->store), &e)) return store_trouble(&e);
    if (!plot_write(s, &options, path, format, &e)) return store_trouble(&e);
    if (path) printf("figure: %s\n", path);
    return EXIT_DONE;
}

const command command_plot = {
    .name = "plot", .arguments = "SWEEP.yaml",
    .summary = "the results of a sweep as a figure: error against length, slice or trained length",
    .flags = plot_params, .flags_size = sizeof(plot_flags), .least = 1, .most = 1, .run = run_plot,
};

// ---- export

typedef struct export_flags { const char *store, *only; int format; } export_flags;
static const char *const export_words[] = { "csv", "jsonl", NULL };
static const param export_params[] = {
    TEXT  (export_flags, store, STORE_DEFAULT, STORE_HELP),
    TEXT  (export_flags, only, "''", "only the runs whose name matches this regular expression"),
    CHOICE(export_flags, format, "csv", export_words, "form"),
    {0}
};

static int run_export(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const export_flags *f = flags;
    opened o = {0};
    error e = {0};
    if (!open_sweep(&o, words[0], f->only, f->store, a, d)) return wrong_input(d);
    const summary *s = summarise(&o, f->store, a, &e);
    if (!s) return store_trouble(&e);
    return table_export(stdout, s, f->format == 1) ? EXIT_DONE : EXIT_STORE;
}

const command command_export = {
    .name = "export", .arguments = "SWEEP.yaml",
    .summary = "every run and length of a sweep as one tidy table for other programs: csv or jsonl",
    .flags = export_params, .flags_size = sizeof(export_flags), .least = 1, .most = 1, .run = run_export,
};
