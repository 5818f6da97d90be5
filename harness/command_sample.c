// sample: examples of a task, for eyes (text) or for other programs (jsonl, npy).
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "base/npy.h"
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/spec.h"

typedef struct sample_flags { int split, seed, first, count, format; const char *output; } sample_flags;
enum { TEXT_FORMAT, JSONL, NPY };
static const char *const format_words[] = { "text", "jsonl", "npy", NULL };
static const param sample_params[] = {
    CHOICE(sample_flags, split, "test", spec_split_words, "whose examples"),
    INT   (sample_flags, seed, "0", 0, INT_MAX, "seed of the data"),
    INT   (sample_flags, first, "0", 0, INT_MAX, "index of the first example"),
    INT   (sample_flags, count, "4", 1, INT_MAX, "how many"),
    CHOICE(sample_flags, format, "text", format_words,
           "for eyes; an object a line: index, tokens, targets (null: not supervised); or for NumPy and PyTorch"),
    TEXT  (sample_flags, output, "''", "file to write instead of standard output (also -o); of npy the folder, for tokens.npy, "
                                       "targets.npy and spec.yaml"),
    {0}
};

// The export, made piece by piece.
typedef struct source {
    const spec    *spec;
    const dataset *data;
    int            format;
    int64_t        at;                          // the example that comes next
    bool           targets, header;             // of npy: which file; whether its header is written
    int           *input, *target;              // [T]
    int32_t       *rows;                        // [ROWS, T]
    int            most;                        // ROWS
    arena         *arena;
    char          *text;
    size_t         bytes;
} source;

static void put_text(FILE *f, const source *s, int64_t index)
{
    const arena_mark start = arena_save(s->arena);
    fprintf(f, "%sexample %lld\n%s", index ? "\n" : "", (long long)index,
            dataset_text(s->data, s->input, s->target, s->spec->tokens, s->arena));
    arena_restore(s->arena, start);
}

static void put_json(FILE *f, const source *s, int64_t index)
{
    fprintf(f, "{\"index\":%lld,\"tokens\":[", (long long)index);
    for (int t = 0; t < s->spec->tokens; t++) fprintf(f, "%s%d", t ? "," : "", s->input[t]);
    fputs("],\"targets\":[", f);
    for (int t = 0; t < s->spec->tokens; t++) {
        if (s->target[t] == TASK_IGNORE) fprintf(f, "%snull", t ? "," : "");
        else                             fprintf(f, "%s%d", t ? "," : "", s->target[t]);
    }
    fputs("]}\n", f);
}

static void put_example(FILE *f, source *s)
{
    const int64_t index = s->spec->first + s->at;
    spec_example(s->spec, s->data, s->at++, s->input, s->target);
    if (s->format == JSONL) put_json(f, s, index);
    else                    put_text(f, s, index);
}

static bool next_text(void *self, file_part *part)
{
    source *s = self;
    free(s->text);
    s->text = NULL;
    if (s->at == s->spec->count) return false;
    FILE *f = open_memstream(&s->text, &s->bytes);
    CHECK(f, "no memory for an example");
    put_example(f, s);
    CHECK(fclose(f) == 0, "no memory for an example");
    *part = (file_part){ s->text, s->bytes };
    return true;
}

static bool next_rows(void *self, file_part *part)
{
    source *s = self;
    const int T = s->spec->tokens;
    if (!s->header) {
        part->data = npy_header(s->spec->count, T, &part->bytes, s->arena);
        return s->header = true;
    }
    int n = 0;
    for (; n < s->most && s->at < s->spec->count; n++, s->at++) {
        spec_example(s->spec, s->data, s->at, s->input, s->target);
        for (int t = 0; t < T; t++)
            s->rows[(int64_t)n * T + t] = !s->targets ? s->input[t] : s->target[t] == TASK_IGNORE ? SPEC_IGNORE : s->target[t];
    }
    *part = (file_part){ s->rows, (size_t)n * T * sizeof *s->rows };
    return n > 0;
}

static source source_open(const spec *sp, const dataset *data, int format, arena *a)
{
    enum { PIECE = 1 << 18 };                   // numbers
    source s = { .spec = sp, .data = data, .format = format, .arena = a, .most = PIECE / sp->tokens + 1 };
    s.input  = arena_take(a, sp->tokens * sizeof(int));
    s.target = arena_take(a, sp->tokens * sizeof(int));
    if (format == NPY) s.rows = arena_take(a, (size_t)s.most * sp->tokens * sizeof *s.rows);
    return s;
}

// ---- a folder

// The folder's own spec.yaml must say the same. Without one, files of these names are somebody else's.
static bool folder_is_ours(const char *folder, const char *text, arena *a, diag *d)
{
    static const char *const names[] = { "tokens.npy", "targets.npy" };
    const char *path = arena_text(a, "%s/spec.yaml", folder), *found = "";
    error e = {0};
    if (!file_exists(path)) {
        for (size_t i = 0; i < LEN(names); i++)
            if (file_exists(arena_text(a, "%s/%s", folder, names[i])))
                diag_error(d, (mark){0}, "%s/%s is there without a spec.yaml: it is no export's; choose another folder with -o",
                           folder, names[i]);
        return diag_errors(d) == 0;
    }
    if (!(found = file_read(path, NULL, a, &e))) diag_error(d, (mark){0}, "%s", e.text);
    else if (strcmp(found, text) != 0) {
        while (*found && *text && strcspn(found, "\n") == strcspn(text, "\n") &&
               strncmp(found, text, strcspn(text, "\n") + 1) == 0) {
            found += strcspn(found, "\n") + 1;
            text += strcspn(text, "\n") + 1;
        }
        diag_error(d, (mark){0},
                   "%s holds another export: its spec.yaml has '%.*s' where this one has '%.*s'; choose another folder with -o",
                   folder, (int)strcspn(found, "\n"), found, (int)strcspn(text, "\n"), text);
    }
    return diag_errors(d) == 0;
}

// spec.yaml goes first: killed half-way, the same command again completes the export.
static int write_folder(const spec *sp, const dataset *data, const char *folder, arena *a, diag *d)
{
    const char *text = spec_text(sp, a);
    error e = {0};
    source s = source_open(sp, data, NPY, a);
    if (!folder_is_ours(folder, text, a, d)) return wrong_input(d);
    bool good = file_make_folder(folder, &e) && file_remove_leftovers(folder, &e) &&
                file_write(arena_text(a, "%s/spec.yaml", folder), text, strlen(text), &e);
    for (int targets = 0; good && targets < 2; targets++) {
        s.targets = targets;
        s.header = false;
        s.at = 0;
        good = file_write_stream(arena_text(a, "%s/%s.npy", folder, targets ? "targets" : "tokens"), next_rows, &s, &e);
    }
    if (good) printf("%s: tokens.npy, targets.npy (int32 [%d, %d]), spec.yaml\n", folder, sp->count, sp->tokens);
    else      fprintf(stderr, "error: %s\n", e.text);
    return good ? EXIT_DONE : EXIT_STORE;
}

static int write_text(const spec *sp, const dataset *data, const sample_flags *f, arena *a)
{
    error e = {0};
    source s = source_open(sp, data, f->format, a);
    if (!*f->output) {
        while (s.at < sp->count) put_example(stdout, &s);
        return EXIT_DONE;
    }
    const bool good = file_write_stream(f->output, next_text, &s, &e);
    free(s.text);
    if (!good) fprintf(stderr, "error: %s\n", e.text);
    return good ? EXIT_DONE : EXIT_STORE;
}

static int run_sample(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const sample_flags *f = flags;
    dataset data;
    spec s = { .split = f->split, .seed = f->seed, .first = f->first, .count = f->count };
    if (f->format == NPY && !*f->output) diag_error(d, (mark){0}, "--format npy needs a folder to write to: -o DIR");
    if (!arguments_dataset(words, n, &data, &s.task, &s.length, f->seed, a, d) || diag_errors(d)) return wrong_input(d);
    if (f->format == NPY) {
        spec_complete(&s, &data, a);
        return write_folder(&s, &data, f->output, a, d);
    }
    s.tokens = dataset_tokens(&data, s.length);
    return write_text(&s, &data, f, a);
}

const command command_sample = {
    .name = "sample", .arguments = "TASK [key=value …]",
    .summary = "examples of a task: to look at, or as an export that other programs load",
    .help = "The keys are the task's options (scanbench list TASK) and length.\n"
            "The same seed, split and index always give the same example.\n"
            "scanbench score compares predictions for an export in npy with its targets.",
    .flags = sample_params, .flags_size = sizeof(sample_flags), .least = 1, .most = 64, .run = run_sample,
};
