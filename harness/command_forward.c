// forward: what a model with given weights makes of given tokens; with targets also loss and gradients.
#include <stdio.h>
#include <string.h>
#include "harness/command.h"
#include "harness/double.h"
#include "harness/model_file.h"
#include "harness/runner.h"
#include "harness/weights.h"

enum { IN_DOUBLE = sizeof(real) == sizeof(double), TYPE = IN_DOUBLE ? ARRAY_F64 : ARRAY_F32 };

typedef struct forward_flags { const char *weights, *tokens, *targets, *output; int threads; bool in_double; } forward_flags;
static const param forward_params[] = {
    TEXT(forward_flags, weights, "''", "safetensors: the weights; without, those that init would give"),
    TEXT(forward_flags, tokens,  "''", "safetensors: `tokens`, I32 or I64 [B, T]"),
    TEXT(forward_flags, targets, "''", "safetensors: `targets`, I32 or I64 [B, T], −1: none; asks for loss and gradients"),
    TEXT(forward_flags, output,  "''", "the safetensors file to write, also -o"),
    INT (forward_flags, threads, "auto", 1, 256, "threads; by default all cores"),
    { "double", PARAM_BOOL, offsetof(forward_flags, in_double), "false", 0, 0, 0, "compute in double", 0 },
    {0}
};

// The array `name` of a file, or its only one, as ints [B, T], each in [least, below).
static tensor *read_indices(const char *path, const char *name, int least, int below, arena *a, diag *d)
{
    safetensors file;
    error err = {{0}};
    const mark at = { path, 0, 0 };
    if (!safetensors_read(path, &file, a, &err)) {
        diag_error(d, (mark){0}, "%s", err.text);
        return NULL;
    }
    const named_array *array = safetensors_find(&file, name);
    if (!array && file.n == 1) array = &file.array[0];
    if (!array || (array->type != ARRAY_I32 && array->type != ARRAY_I64) || array->rank != 2 || array_count(array) == 0) {
        diag_error(d, at, "'%s' must be an I32 or I64 array [B, T]%s", name,
                   array ? arena_text(a, ", but is %s", shape_text(array->dim, array->rank, a)) : "; there is none in the file");
        return NULL;
    }
    tensor *index = tensor_index(a, array->dim[0], array->dim[1]);
    for (int64_t i = 0; i < array_count(array); i++) {
        const int64_t v = array->type == ARRAY_I32 ? ((const int *)array->data)[i] : ((const int64_t *)array->data)[i];
        if (v < least || v >= below) {
            diag_error(d, at, "'%s'[%lld, %lld] is %lld, outside [%d, %d]", name, (long long)(i / array->dim[1]),
                       (long long)(i % array->dim[1]), (long long)v, least, below - 1);
            return NULL;
        }
        tensor_ints(index)[i] = (int)v;
    }
    return index;
}

typedef struct outputs { named_array array[4200]; int n; } outputs;

static void add_output(outputs *out, const char *name, const tensor *x, const void *data)
{
    named_array *made = &out->array[out->n++];
    *made = (named_array){ .name = name, .type = (array_type)TYPE, .rank = x->rank, .data = (void *)data };
    memcpy(made->dim, x->dim, sizeof made->dim);
}

// Hidden vectors and logits, [B, T, D] and [B, T, V]; with targets loss [1] and gradients.
static void compute(network *net, tensor *tokens, tensor *targets, int threads, outputs *out, arena *a)
{
    team *t = team_new(threads);
    graph g = { .step = a, .team = t, .backend = CPU, .record = targets != NULL };
    const int64_t B = tokens->dim[0], T = tokens->dim[1];
    tensor *hidden = network_forward(net, &g, tokens);
    add_output(out, "hidden", hidden, hidden->data);
    tensor *rows = tensor_reshape(a, hidden, B * T, tensor_columns(hidden));
    graph apart = { .step = a, .team = t, .backend = CPU };
    tensor *logits = tensor_reshape(a, nn_logits(&apart, rows, net->head, net->head_bias), B, T, net->outputs);
    add_output(out, "logits", logits, logits->data);
    if (targets) {
        const head_loss l = nn_head_loss(&g, rows, net->head, net->head_bias, tensor_reshape(a, targets, B * T));
        add_output(out, "loss", l.loss, l.loss->data);
        model_clear_grad(&net->model);
        graph_backward(&g, l.loss);
        for (int i = 0; i < net->model.n; i++) {
            const weight *w = &net->model.weight[i];
            add_output(out, arena_text(a, "grad.%s", w->name), &w->tensor, w->tensor.grad);
        }
    }
    team_free(t);
}

static int in_double(const forward_flags *f, const char *model, arena *a, diag *d)
{
    const char *words[16] = { "forward", model, "--tokens", f->tokens, "-o", f->output };
    int n = 6;
    error err = {{0}};
    const struct { const char *flag, *value; } more[] = { { "--weights", f->weights }, { "--targets", f->targets } };
    for (size_t i = 0; i < LEN(more); i++)
        if (*more[i].value) words[n++] = more[i].flag, words[n++] = more[i].value;
    if (f->threads != AUTO_INT) words[n++] = "--threads", words[n++] = arena_text(a, "%d", f->threads);
    double_become(words, &err);
    diag_error(d, (mark){0}, "%s", err.text);
    return wrong_input(d);
}

static int run_forward(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const forward_flags *f = flags;
    model_file m;
    error err = {{0}};
    if (!*f->output) diag_error(d, (mark){0}, "-o FILE.safetensors says where the outputs go");
    if (!*f->tokens) diag_error(d, (mark){0}, "--tokens FILE.safetensors names the tokens");
    if (!model_file_read(&m, words[0], a, d) || diag_errors(d)) return wrong_input(d);
    if (f->in_double && !IN_DOUBLE) return in_double(f, words[0], a, d);
    tensor *tokens = read_indices(f->tokens, "tokens", 0, m.inputs, a, d);
    tensor *targets = *f->targets ? read_indices(f->targets, "targets", IGNORE, m.outputs, a, d) : NULL;
    if (tokens && targets && (targets->dim[0] != tokens->dim[0] || targets->dim[1] != tokens->dim[1]))
        diag_error(d, (mark){ f->targets, 0, 0 }, "'targets' is %s, 'tokens' %s", shape_text(targets->dim, 2, a),
                   shape_text(tokens->dim, 2, a));
    network *net = diag_errors(d) ? NULL : model_file_open(&m, tokens->dim[1], *f->weights ? f->weights : NULL, a, d);
    if (!net) return wrong_input(d);
    outputs *out = arena_zero(a, sizeof *out);
    compute(net, tokens, targets, f->threads == AUTO_INT ? cores_available() : f->threads, out, a);
    if (safetensors_write(f->output, out->array, out->n, NULL, 0, &err)) return EXIT_DONE;
    fprintf(stderr, "error: %s\n", err.text);
    return EXIT_STORE;
}

const command command_forward = {
    .name = "forward", .arguments = "MODEL.yaml --tokens T.safetensors -o OUT.safetensors",
    .summary = "hidden vectors and logits for given weights and tokens; with targets also loss and gradients",
    .help = "MODEL.yaml is one entry of a sweep's `models:` with `vocabulary: { input: 10, output: 10 }`. OUT holds hidden\n"
            "[B, T, D], logits [B, T, V] and, with --targets, loss [1] (mean over supervised positions) and grad.NAME of every "
            "weight.\n"
            "Names and shapes of weights: scanbench list --weights; as \"weight.NAME\" (a checkpoint) they are found, too.",
    .flags = forward_params, .flags_size = sizeof(forward_flags), .least = 1, .most = 1, .run = run_forward,
};
