// list: every option of everything, its default and range, from the option tables.
#include <stdio.h>
#include <string.h>
#include "architectures/architecture.h"
#include "harness/command.h"
#include "harness/options.h"
#include "harness/weights_list.h"
#include "nn/optimizer.h"
#include "tasks/task.h"

typedef struct list_flags { bool weights; } list_flags;
static const param list_params[] = {
    BOOL(list_flags, weights, "false", "every weight of the architectures (or of the one named), as Markdown"),
    {0}
};

typedef struct shelf { const char *name; const object_family *family; } shelf;
enum { SHELVES = 5 };

static void fill_shelves(shelf shelves[SHELVES])
{
    shelves[0] = (shelf){ "architectures", architecture_family() };
    shelves[1] = (shelf){ "mixers", mixer_family() };
    shelves[2] = (shelf){ "tasks", task_family() };
    shelves[3] = (shelf){ "optimizers", &optimizer_family };
    shelves[4] = (shelf){ "schedules", &schedule_family };
}

static void print_shelf(const shelf *s)
{
    printf("%s\n", s->name);
    for (int i = 0; i < s->family->n; i++) printf("  %-20s %s\n", s->family->entries[i]->name, s->family->entries[i]->summary);
}

static void print_task(const task *t)
{
    printf("\nconvention: %s\n\nexample: %s, length %d\n%s", t->convention, t->example_options, t->example_length,
           t->example_text);
    printf("\nshallow strategies, whose errors are stored with every evaluation\n");
    for (const task_floor *f = t->floors; f && f->name; f++) printf("  %-16s %s\n", f->name, f->summary);
}

static void print_object(const shelf *s, const object *o)
{
    printf("%s, one of the %s: %s\nsource: %s · version %d\n\noptions\n", o->name, s->name, o->summary, o->source, o->version);
    param_list_options(o->options, 2, stdout);
    if (s->family == task_family()) print_task((const task *)o);
}

static int list_weights(const char *name, arena *a, diag *d)
{
    const object_family *family = architecture_family();
    const char *known[64];
    int found = 0;
    for (int i = 0; i < family->n; i++) {
        known[i] = family->entries[i]->name;
        if (name && strcmp(name, known[i]) != 0) continue;
        weights_list_print(family->entries[i], stdout, a);
        found++;
    }
    if (found) return EXIT_DONE;
    const char *near = diag_nearest(name, known, family->n);
    diag_error(d, (mark){0}, "no architecture is called '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
               near ? "'?" : "");
    return wrong_input(d);
}

static int run_list(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    if (((const list_flags *)flags)->weights) return list_weights(n ? words[0] : NULL, a, d);
    shelf shelves[SHELVES];
    fill_shelves(shelves);
    const char *known[256] = { "sweep" };
    int n_known = 1, found = 0;
    for (int i = 0; i < SHELVES; i++) {
        if (n == 0 || strcmp(words[0], shelves[i].name) == 0) {
            print_shelf(&shelves[i]);
            found++;
        }
        known[n_known++] = shelves[i].name;
        for (int j = 0; j < shelves[i].family->n && n_known < 256; j++) known[n_known++] = shelves[i].family->entries[j]->name;
    }
    for (int i = 0; n > 0 && i < SHELVES; i++) {
        const object *o = object_find(shelves[i].family, words[0]);
        if (!o) continue;
        printf("%s", found++ ? "\n" : "");
        print_object(&shelves[i], o);
    }
    if (n > 0 && strcmp(words[0], "sweep") == 0) {
        printf("keys of a sweep file, beside `models` (a list; each with `name`, and perhaps `label` and `with`) and `grid` "
               "(path: [values])\n");
        param_list_options(cell_params(), 2, stdout);
        found++;
    }
    if (n == 0) printf("\n`scanbench list NAME` shows the options of one, `scanbench list sweep` the keys of a sweep file\n");
    if (n == 0 || found) return EXIT_DONE;
    const char *near = diag_nearest(words[0], known, n_known);
    diag_error(d, (mark){0}, "nothing is called '%s'%s%s%s", words[0], near ? "; did you mean '" : "; see scanbench list",
               near ? near : "", near ? "'?" : "");
    return wrong_input(d);
}

const command command_list = {
    .name = "list", .arguments = "[WHAT|NAME]",
    .summary = "architectures, mixers, tasks, optimizers, schedules; or all options of one",
    .flags = list_params, .flags_size = sizeof(list_flags), .most = 1, .run = run_list,
};
