// init: fresh weights of a model, in a file.
#include <stdio.h>
#include "harness/command.h"
#include "harness/model_file.h"
#include "harness/weights.h"

typedef struct init_flags { const char *output; int seed; } init_flags;
static const param init_params_[] = {
    TEXT(init_flags, output, "''", "the file to write, also -o"),
    INT (init_flags, seed, "auto", 0, INT_MAX, "of the weights; by default the model's own"),
    {0}
};

static int run_init(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const init_flags *f = flags;
    model_file m;
    error err = {{0}};
    if (!*f->output) diag_error(d, (mark){0}, "-o FILE.safetensors says where the weights go");
    if (!model_file_read(&m, words[0], a, d) || diag_errors(d)) return wrong_input(d);
    if (f->seed != AUTO_INT) m.seed = f->seed;
    const network *net = model_file_open(&m, 1, NULL, a, d);
    if (!net) return wrong_input(d);
    const char *const metadata[][2] = {
        { "model", param_print_object(&m.description, PRINT_ALL, a) }, { "seed", arena_text(a, "%d", m.seed) },
        { "input", arena_text(a, "%d", m.inputs) }, { "output", arena_text(a, "%d", m.outputs) },
    };
    if (weights_save(&net->model, f->output, metadata, LEN(metadata), a, &err)) return EXIT_DONE;
    fprintf(stderr, "error: %s\n", err.text);
    return EXIT_STORE;
}

const command command_init = {
    .name = "init", .arguments = "MODEL.yaml -o W.safetensors", .summary = "fresh weights of a model, as a safetensors file",
    .help = "MODEL.yaml is one entry of a sweep's `models:` with `vocabulary: { input: 10, output: 10 }` and perhaps `seed: 0`.\n"
            "Every name and shape: scanbench list --weights, docs/weights.md.",
    .flags = init_params_, .flags_size = sizeof(init_flags), .least = 1, .most = 1, .run = run_init,
};
