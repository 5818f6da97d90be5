// scanbench: the command line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/build.h"
#include "harness/cell.h"
#include "harness/command.h"
#include "harness/signals.h"
#include "nn/cpu.h"
#include "nn/gemm.h"
#include "results/grid.h"

static const command *const commands[] = { &command_run,  &command_status, &command_table, &command_plot,  &command_export,
                                           &command_list, &command_sample, &command_score, &command_bench,
                                           &command_check, &command_forward, &command_init };

static void print_command(FILE *out, const char *name, const char *arguments, const char *summary)
{
    enum { COLUMN = 38 };
    const int width = 2 + (int)strlen(name) + 1 + text_width(arguments);
    fprintf(out, "  %s %s", name, arguments);
    if (width + 2 > COLUMN) fprintf(out, "\n%*s%s\n", COLUMN, "", summary);
    else                    fprintf(out, "%*s%s\n", COLUMN - width, "", summary);
}

static void print_help(FILE *out)
{
    fprintf(out, "scanbench %s: sequence models on synthetic tasks\n\nusage: scanbench [--cpu LEVEL] COMMAND …\n\n",
            BUILD_VERSION);
    for (size_t i = 0; i < LEN(commands); i++)
        print_command(out, commands[i]->name, commands[i]->arguments, commands[i]->summary);
    print_command(out, "test", "[--slow] [PATTERN]", "build and run the tests");
    fprintf(out, "\n  --cpu LEVEL   instruction level: x86-64, x86-64-v3, x86-64-v4; by default the best this processor has\n"
                 "  --help        this, or after a command its flags\n  --version\n\n"
                 "Begin with: scanbench run sweeps/quick.yaml\n"
                 "Exit status: 0 done, 1 some runs failed, 2 the input was wrong and nothing was run, 3 the store cannot be "
                 "written, 130 interrupted.\n");
}

static void print_command_help(const command *c)
{
    printf("usage: scanbench %s %s\n\n%s.\n%s%s%s", c->name, c->arguments, c->summary, c->help ? "\n" : "",
           c->help ? c->help : "", c->help ? "\n" : "");
    for (const param *p = c->flags; p && p->name; p++) {
        char name[64];
        snprintf(name, sizeof name, "--%s", p->name);
        for (char *s = name; *s; s++) if (*s == '_') *s = '-';
        printf("\n  %-20s %s", name, p->help);
        if (p->type == PARAM_CHOICE) {
            printf(" (");
            for (const char *const *word = p->of; *word; word++) printf("%s%s", word == p->of ? "" : "|", *word);
            printf(")");
        }
        if (p->type != PARAM_BOOL && p->initial && *p->initial && strcmp(p->initial, "auto") != 0) printf(" [%s]", p->initial);
    }
    printf("\n");
}

int wrong_input(diag *d)
{
    diag_print(d, stderr);
    return EXIT_WRONG_INPUT;
}

// One flag at argv[i]; how many words it took. Faults are reported.
static int read_flag(const command *c, void *flags, char **argv, int i, int argc, arena *a, diag *d)
{
    const mark nowhere = {0};
    char *name = arena_copy(a, argv[i][1] == '-' ? argv[i] + 2 : "output"), *value = strchr(name, '=');
    if (value) *value++ = 0;
    for (char *s = name; *s; s++) if (*s == '-') *s = '_';
    const char *known[64];
    int n = 0;
    for (const param *p = c->flags; p && p->name; p++) {
        known[n++] = p->name;
        if (strcmp(p->name, name) != 0) continue;
        if (p->type == PARAM_BOOL) {
            param_set(c->flags, flags, name, value ? value : "true", nowhere, a, d);
            return 1;
        }
        if (!value && i + 1 == argc) {
            diag_error(d, nowhere, "%s needs a value: %s", argv[i], p->help);
            return 1;
        }
        const char *text = value ? value : argv[i + 1];
        if (p->type == PARAM_TEXT) text = arena_text(a, "'%s'", text);      // a path is a text, whatever it looks like
        param_set(c->flags, flags, name, text, nowhere, a, d);
        return value ? 1 : 2;
    }
    const char *near = diag_nearest(name, known, n);
    char *hint = near ? arena_text(a, "; did you mean --%s?", near) : arena_text(a, "; see scanbench %s --help", c->name);
    for (char *s = hint; *s; s++) if (*s == '_') *s = '-';
    diag_error(d, nowhere, "unknown flag '%s'%s", argv[i], hint);
    return 1;
}

static int run_command(const command *c, int argc, char **argv)
{
    arena *a = arena_new();
    diag *d = diag_new();
    void *flags = arena_zero(a, c->flags_size + 1);
    const char **words = arena_take(a, (argc + 1) * sizeof *words);
    int n = 0, status = EXIT_WRONG_INPUT;
    if (c->flags) param_defaults(c->flags, flags, a);
    for (int i = 0; i < argc;) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_command_help(c);
            return EXIT_DONE;
        }
        const bool flag = argv[i][0] == '-' && argv[i][1] && (argv[i][1] == '-' || strcmp(argv[i], "-o") == 0);
        if (flag) i += read_flag(c, flags, argv, i, argc, a, d);
        else      words[n++] = argv[i++];
    }
    if (!diag_errors(d) && (n < c->least || n > c->most))
        diag_error(d, (mark){0}, "usage: scanbench %s %s", c->name, c->arguments);
    status = diag_errors(d) ? wrong_input(d) : c->run(flags, words, n, a, d);
    if (fflush(stdout) != 0 && status == EXIT_DONE) {
        fprintf(stderr, "error: standard output cannot be written\n");
        status = EXIT_STORE;
    }
    diag_free(d);
    arena_free(a);
    return status;
}

// The matrix library is held to the level too: it reads OPENBLAS_CORETYPE when it is loaded, so the program starts itself again.
static void use_level(const char *word, char **argv)
{
    for (int level = 0; level < LEVELS; level++) {
        const char *name = cpu_level_names[level];
        if (strcmp(word, name) != 0 && strcmp(word, strchr(name + 4, '-') ? strchr(name + 4, '-') + 1 : "v1") != 0) continue;
        if (!cpu_supports(level)) {
            fprintf(stderr, "error: --cpu %s: this processor has no more than %s\n", word, cpu_level_names[cpu_best()]);
            exit(EXIT_WRONG_INPUT);
        }
        const char *core = cpu_blas_coretype(level), *now = getenv("OPENBLAS_CORETYPE");
        if (level != (int)cpu_best() && !(now && strcmp(now, core) == 0)) {
            setenv("OPENBLAS_CORETYPE", core, 1);
            execv("/proc/self/exe", argv);
        }
        cpu_use(level);
        return;
    }
    fprintf(stderr, "error: --cpu %s: write x86-64, x86-64-v3 or x86-64-v4\n", word);
    exit(EXIT_WRONG_INPUT);
}

int main(int argc, char **argv)
{
    int i = 1;
    const char *level = cpu_level_names[cpu_best()];
    if (i + 1 < argc && strcmp(argv[i], "--cpu") == 0) {
        level = argv[i + 1];
        i += 2;
    }
    use_level(level, argv);
    gemm_start();
    signals_block();
    const char *word = i < argc ? argv[i] : "--help";
    if (strcmp(word, "--version") == 0) {
        printf("scanbench %s (%s)\n", BUILD_VERSION, BUILD_COMMIT);
        return EXIT_DONE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return i < argc ? EXIT_DONE : EXIT_WRONG_INPUT;
    }
    if (strcmp(word, "cell") == 0) return cell_main(argc - i, argv + i);
    const char *names[LEN(commands)];
    for (size_t c = 0; c < LEN(commands); c++) {
        names[c] = commands[c]->name;
        if (strcmp(word, names[c]) == 0) return run_command(commands[c], argc - i - 1, argv + i + 1);
    }
    const char *near = diag_nearest(word, names, LEN(commands));
    fprintf(stderr, "error: unknown command '%s'%s%s%s\n", word, near ? "; did you mean '" : "; see scanbench --help",
            near ? near : "", near ? "'?" : "");
    return EXIT_WRONG_INPUT;
}
