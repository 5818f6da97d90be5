// check: the promises that every architecture and task keeps, measured; for whoever added one, and for any options.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/arguments.h"
#include "harness/check.h"
#include "harness/check_task.h"
#include "harness/command.h"
#include "harness/double.h"
#include "harness/signals.h"
#include "results/grid.h"

enum { IN_DOUBLE = sizeof(real) == sizeof(double), FORMAT_TEXT = 0, FORMAT_TSV = 1, MOST_ROWS = 4096, MOST_SUBJECTS = 256,
       AUTO_RANDOM = 3, LONGEST_DRAWN = 21 };

typedef struct check_flags { int random, seed, format; const char *property; } check_flags;
static const char *const format_words[] = { [FORMAT_TEXT] = "text", [FORMAT_TSV] = "tsv", NULL };
static const param check_params[] = {
    INT   (check_flags, random, "auto", 0, 1000,
           "random configurations of each architecture; by default 3; none with options given"),
    INT   (check_flags, seed, "0", 0, INT_MAX, "of the random configurations"),
    TEXT  (check_flags, property, "''", "only properties whose name contains this"),
    CHOICE(check_flags, format, "text", format_words, "a table, or a line a measurement with tabs between its fields"),
    {0}
};

// One line of the table: the worst of all configurations that were tried.
typedef struct row {
    const char *subject, *property;
    int         tried, failed, length;          // length: the shortest that failed
    double      worst, bound;
    const char *note, *broke, *where;           // broke: the configuration that failed at that length
} row;

typedef struct subject {
    const char   *label;                        // "mamba", "mamba layers=1"
    const object *of;                           // an architecture or a task
    bool          is_task;
    const yaml   *tree;                         // name and options
    int           random;
} subject;

typedef struct checking {
    const check_flags *flags;
    arena             *arena;
    diag              *diag;
    subject            subject[MOST_SUBJECTS];
    int                subjects, rows;
    row                row[MOST_ROWS];
} checking;

// ---- what is to be checked

static void add_subject(checking *c, subject s)
{
    CHECK(c->subjects < MOST_SUBJECTS, "more than %d names", MOST_SUBJECTS);
    c->subject[c->subjects++] = s;
}

// Every name of a family, with nothing said about its options.
static void add_family(checking *c, const object_family *family, bool is_task)
{
    for (int i = 0; i < family->n; i++) {
        const object *o = family->entries[i];
        add_subject(c, (subject){ o->name, o, is_task, arguments_object(&o->name, 1, c->arena, c->diag),
                                  is_task ? 0 : c->flags->random == AUTO_INT ? AUTO_RANDOM : c->flags->random });
    }
}

// A mixer stands for the architecture of its published block; one without for a stack of itself.
static const object *owner_of(const object *named, const yaml **tree, arena *a)
{
    const mixer *m = (const mixer *)named;
    const mark at = (*tree)->at;
    yaml *name = arena_zero(a, sizeof *name), *stack = arena_zero(a, sizeof *stack);
    *name = (yaml){ .kind = YAML_SCALAR, .at = at, .text = m->architecture ? m->architecture : "hybrid", .quoted = true };
    *stack = (yaml){ .kind = YAML_LIST, .at = at, .n = 1, .item = arena_take(a, sizeof *stack->item) };
    stack->item[0] = (yaml *)*tree;
    *tree = m->architecture ? yaml_with(*tree, "name", at, name, a)
                            : yaml_with(yaml_with(NULL, "name", at, name, a), "stack", at, stack, a);
    return object_find(architecture_family(), name->text);
}

static void unknown_name(const char *name, diag *d)
{
    const object_family *families[] = { architecture_family(), mixer_family(), task_family() };
    const char *known[256] = { "all" };
    int n = 1;
    for (size_t k = 0; k < LEN(families); k++)
        for (int i = 0; i < families[k]->n && n < (int)LEN(known); i++) known[n++] = families[k]->entries[i]->name;
    const char *near = diag_nearest(name, known, n);
    diag_error(d, (mark){0}, "no architecture, mixer or task is called '%s'%s%s%s", name,
               near ? "; did you mean '" : "; see scanbench list", near ? near : "", near ? "'?" : "");
}

// NAME key=value …
static void add_named(checking *c, const char *const *words, int n)
{
    const yaml *tree = arguments_object(words, n, c->arena, c->diag);
    const object *o = object_find(architecture_family(), words[0]), *task = object_find(task_family(), words[0]);
    if (!tree) return;
    if (!o && !task && (o = object_find(mixer_family(), words[0]))) o = owner_of(o, &tree, c->arena);
    if (!o && !task) {
        unknown_name(words[0], c->diag);
        return;
    }
    const char *label = words[0];
    for (int i = 1; i < n; i++) label = arena_text(c->arena, "%s %s", label, words[i]);
    const int random = n > 1 || !o ? 0 : c->flags->random == AUTO_INT ? AUTO_RANDOM : c->flags->random;
    add_subject(c, (subject){ label, o ? o : task, !o, tree, random });
}

static void read_words(checking *c, const char *const *words, int n)
{
    for (int i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && strchr(words[next], '='); next++) continue;
        if (strcmp(words[i], "all") != 0) add_named(c, words + i, next - i);
        if (strcmp(words[i], "all") == 0 && next > i + 1)
            diag_error(c->diag, (mark){0}, "'%s': options go with one name, not with all", words[i + 1]);
    }
    bool all = n == 0;
    for (int i = 0; i < n; i++) all |= strcmp(words[i], "all") == 0;
    if (!all) return;
    add_family(c, architecture_family(), false);
    add_family(c, task_family(), true);
}

// ---- architectures

static row *add_row(checking *c, const char *subject, const char *property, double bound)
{
    CHECK(c->rows < MOST_ROWS, "more than %d rows", MOST_ROWS);
    row *r = &c->row[c->rows++];
    *r = (row){ .subject = subject, .property = property, .bound = bound, .note = "", .broke = "", .where = "" };
    return r;
}

static double amplification(fixture *f)
{
    check_fill(f, 1);
    return check_amplification(f);
}

// Valid entries: what is given, then random ones that are not wild.
static int entries_of(checking *c, const subject *s, const char **entry)
{
    param_object description;
    const yaml *tree = check_defaults(s->of, s->tree, c->arena);
    int n = 0;
    if (param_read_object(architecture_family(), &description, tree, c->arena, c->diag) &&
        network_fits(&description, CHECK_SYMBOLS, CHECK_SYMBOLS, 1, c->diag))
        entry[n++] = yaml_flow(tree, c->arena);
    rng r = rng_start((const uint64_t[]){ (uint64_t)c->flags->seed, RNG_TESTS, hash_bytes(s->label, strlen(s->label), 0) }, 3);
    for (int drawn = 0; n > 0 && n < 1 + s->random && drawn < 40 * s->random; drawn++) {
        entry[n] = check_draw(s->of, &r, c->arena);
        fixture f = fixture_try(entry[n], CHECK_SYMBOLS, CHECK_SYMBOLS, LONGEST_DRAWN);
        n += f.network && amplification(&f) < WILD;
        fixture_close(&f);
    }
    return n;
}

// A failing configuration is worth more than another one where it fails at a shorter length.
static void count(row *r, const measurement *m, const char *entry, arena *a)
{
    const bool worse = r->tried == 0 || isnan(m->worst) || m->worst > r->worst;
    r->tried++;
    r->failed += m->length > 0;
    if (worse) r->worst = m->worst;
    if (*m->note && !*r->note) r->note = arena_copy(a, m->note);
    if (!m->length || (r->length && r->length <= m->length)) return;
    r->length = m->length;
    r->broke = entry;
    r->where = arena_copy(a, m->where);
}

static void check_architecture(checking *c, const subject *s)
{
    const char **entry = arena_take(c->arena, (size_t)(1 + s->random) * sizeof *entry);
    const int n = entries_of(c, s, entry);
    for (int k = 0; check_properties[k] && !signals_stop(); k++) {
        const check_property *p = check_properties[k];
        const char *name = IN_DOUBLE && !isnan(p->bound[0]) ? arena_text(c->arena, "%s, double", p->name) : p->name;
        row *r = isnan(check_bound(p)) || !strstr(name, c->flags->property) ? NULL : add_row(c, s->label, name, check_bound(p));
        for (int i = 0; r && i < n && !signals_stop(); i++) {
            measurement m;
            if (!(p->asks_more && i > 0) && check_measure(p, entry[i], &m)) count(r, &m, entry[i], c->arena);
        }
        if (r && r->tried == 0) c->rows--;
    }
}

// ---- tasks

// The task's own example gives what the user left out.
static const yaml *task_tree(const subject *s, arena *a, diag *d)
{
    const yaml *tree = s->tree, *example = yaml_parse(((const task *)s->of)->example_options, "example", a, d);
    for (int i = 0; example && i < example->n; i++) {
        const char *key = example->key[i]->text;
        if (!yaml_get(tree, key)) tree = yaml_with(tree, key, example->at, example->item[i], a);
    }
    return tree;
}

static void check_one_task(checking *c, const subject *s)
{
    param_object description;
    dataset data;
    task_measure m[MAX_TASK_MEASURES];
    arena *a = c->arena;
    if (!param_read_object(task_family(), &description, task_tree(s, a, c->diag), a, c->diag) ||
        !dataset_open(&data, &description, (uint64_t)c->flags->seed, a, c->diag))
        return;
    const int n = check_task(&data, &description, m, a, c->diag);
    for (int i = 0; i < n; i++) {
        if (!strstr(m[i].name, c->flags->property)) continue;
        row *r = add_row(c, s->label, m[i].name, m[i].bound);
        r->tried = 1;
        r->worst = m[i].value;
        if (isnan(m[i].bound)) r->note = m[i].where;
        else if (!(m[i].value <= m[i].bound))
            r->failed = 1, r->broke = param_print_object(&description, PRINT_CHANGED, a), r->where = m[i].where;
    }
}

// ---- the parts in double, and the table

static void start_double(checking *c, double_process *p, const char *const *words, int n)
{
    const char *all[80] = { "check", "--format", "tsv", "--seed", arena_text(c->arena, "%d", c->flags->seed), "--property",
                            c->flags->property };
    int at = 7;
    error err = {{0}};
    if (c->flags->random != AUTO_INT) {
        all[at++] = "--random";
        all[at++] = arena_text(c->arena, "%d", c->flags->random);
    }
    for (int i = 0; i < n; i++) all[at++] = words[i];
    if (!double_start(p, all, &err)) diag_error(c->diag, (mark){0}, "%s", err.text);
}

static void print_tsv(const row *r)
{
    printf("%s\t%s\t%d\t%d\t%.17g\t%.17g\t%d\t%s\t%s\t%s\n", r->subject, r->property, r->tried, r->failed, r->worst, r->bound,
           r->length, r->note, r->broke, r->where);
}

// A line that print_tsv wrote.
static void read_tsv(checking *c, char *line)
{
    char *field[10];
    int n = 0;
    for (char *at = line; at && n < (int)LEN(field); n++) field[n] = strsep(&at, "\t");
    if (n < (int)LEN(field)) return;
    row *r = add_row(c, field[0], field[1], strtod(field[5], NULL));
    r->tried = atoi(field[2]), r->failed = atoi(field[3]), r->worst = strtod(field[4], NULL), r->length = atoi(field[6]);
    r->note = field[7], r->broke = field[8], r->where = field[9];
}

static void finish_double(checking *c, double_process *p)
{
    int status;
    char *text = double_finish(p, &status, c->arena), *line;
    while ((line = strsep(&text, "\n")))
        if (*line) read_tsv(c, line);
    if (status != EXIT_DONE && status != EXIT_SOME_FAILED && !signals_stop()) {
        row *r = add_row(c, "scanbench-double", "its end", 0);
        r->tried = r->failed = 1;
        r->worst = status;
        r->where = "its exit status; what it said is above";
    }
}

static void print_row(const checking *c, grid *g, const row *r)
{
    const bool told = isnan(r->bound);
    const char **cell = grid_row(g);
    cell[0] = r->subject;
    cell[1] = r->property;
    cell[2] = arena_text(c->arena, "%d", r->tried);
    cell[3] = arena_text(c->arena, r->worst == 0 ? "0" : "%.2g", r->worst);
    cell[4] = told ? "" : arena_text(c->arena, "%g", r->bound);
    cell[5] = told ? "" : r->failed ? "NO" : "ok";
    cell[6] = r->note;
}

// In the order of the subjects, the double program's rows behind ours.
static void print_table(const checking *c)
{
    static const char *const heading[] = { "name", "property", "tried", "worst", "bound", "ok", "" };
    grid *g = grid_new(LEN(heading), c->arena);
    for (size_t i = 0; i < LEN(heading); i++) grid_column(g, (int)i, heading[i], i < 2 || i > 4);
    for (int s = 0; s < c->subjects; s++)
        for (int i = 0; i < c->rows; i++)
            if (strcmp(c->row[i].subject, c->subject[s].label) == 0) print_row(c, g, &c->row[i]);
    grid_print(stdout, g, TABLE_TEXT, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
}

static bool is_task(const checking *c, const row *r)
{
    for (int i = 0; i < c->subjects; i++)
        if (c->subject[i].is_task && strcmp(c->subject[i].label, r->subject) == 0) return true;
    return false;
}

static void print_failure(const checking *c, const row *r)
{
    printf("\nbroken: %s: %s\n", r->subject, r->property);
    if (*r->broke) printf("  %s\n", r->broke);
    if (*r->broke && !is_task(c, r)) {
        fixture f = fixture_open(r->broke, CHECK_SYMBOLS, CHECK_SYMBOLS);
        const double times = amplification(&f);
        if (times >= WILD) printf("  beware: outputs change %.0f times as much as weights; rounding is amplified alike\n", times);
        fixture_close(&f);
    }
    if (r->length) printf("  at length %d, the shortest that fails: %s\n", r->length, r->where);
    else           printf("  %s\n", r->where);
    if (r->tried > 1) printf("  %d of %d configurations fail\n", r->failed, r->tried);
}

static int report(const checking *c)
{
    int failed = 0;
    if (c->flags->format == FORMAT_TEXT) print_table(c);
    for (int i = 0; i < c->rows; i++) {
        failed += c->row[i].failed > 0;
        if (c->flags->format == FORMAT_TSV) print_tsv(&c->row[i]);
        else if (c->row[i].failed) print_failure(c, &c->row[i]);
    }
    if (c->flags->format == FORMAT_TEXT) printf("\n%d measurements, %d broken\n", c->rows, failed);
    return signals_stop() ? EXIT_INTERRUPTED : failed ? EXIT_SOME_FAILED : EXIT_DONE;
}

static int run_check(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    checking *c = arena_zero(a, sizeof *c);
    double_process other = {0};
    c->flags = flags, c->arena = a, c->diag = d;
    read_words(c, words, n);
    if (diag_errors(d)) return wrong_input(d);
    for (int i = 0; i < c->subjects; i++) {                     // every option is read before anything is measured
        const subject *s = &c->subject[i];
        param_object read;
        const yaml *tree = s->is_task ? task_tree(s, a, d) : check_defaults(s->of, s->tree, a);
        param_read_object(s->is_task ? task_family() : architecture_family(), &read, tree, a, d);
    }
    if (!IN_DOUBLE && !diag_errors(d)) start_double(c, &other, words, n);
    if (diag_errors(d)) return wrong_input(d);
    for (int i = 0; i < c->subjects && !signals_stop(); i++) {
        if (isatty(STDERR_FILENO) && !IN_DOUBLE) fprintf(stderr, "\r\033[K%s", c->subject[i].label);
        if (!c->subject[i].is_task) check_architecture(c, &c->subject[i]);
        else if (!IN_DOUBLE)        check_one_task(c, &c->subject[i]);
    }
    if (isatty(STDERR_FILENO) && !IN_DOUBLE) fprintf(stderr, "\r\033[K");
    if (!IN_DOUBLE) finish_double(c, &other);
    return diag_errors(d) ? wrong_input(d) : report(c);
}

const command command_check = {
    .name = "check", .arguments = "[NAME [key=value …] …]",
    .summary = "promises kept by architectures, mixers and tasks: gradients, causality, both forms, state, threads",
    .help = "The keys are options (scanbench list NAME); what must be given and is not is chosen tiny. Gradients and tight "
            "bounds\n"
            "are measured by the double build. Of a task: purity, ranges, held-out transitions that training must\n"
            "not take, the error of chance and of every shallow strategy.\n"
            "Without a name, or with `all`: everything, with its defaults and with random options. Exit status 1: something "
            "broke.",
    .flags = check_params, .flags_size = sizeof(check_flags), .most = 64, .run = run_check,
};
