// A model's forms are one function: forward and step, and of what is a scan the static plan and the binary counter.
#include "harness/check.h"

#include <stdio.h>
#include <string.h>
#include "architectures/affine.h"
#include "architectures/backbone.h"

enum { B = 2 };

// Largest difference at a position over the position's largest entry; NaN stays NaN.
static double difference(const real *a, const real *b, int D)
{
    double most = 0, off = 0;
    for (int i = 0; i < D; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        most = fmax(most, fabs((double)a[i]));
        if (!(d <= off) && !isnan(off)) off = d;
    }
    return most > 0 ? off / most : off;
}

double check_amplification(fixture *f)
{
    enum { T = 21 };
    const double nudge = 1e-4;
    double loss[2], worst = 0;
    const real *hidden[2];
    model *m = &f->network->model;
    const arena_mark life = arena_save(f->life);
    const int *tokens = fixture_tokens(f, 2, B * T, f->inputs), *targets = fixture_tokens(f, 4, B * T, f->outputs);
    rng r = rng_start((const uint64_t[]){ 9, RNG_TESTS }, 2);
    real *kept = arena_take(f->life, (size_t)m->size * sizeof *kept);
    memcpy(kept, m->data, (size_t)m->size * sizeof *kept);
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; k == 1 && i < m->size; i++) m->data[i] *= (real)(1 + nudge * rng_normal(&r));
        hidden[k] = fixture_forward(f, tokens, B, T);
        f->dropout_step = 3;
        loss[k] = fixture_loss(f, tokens, targets, B, T, false);
        f->dropout_step = -1;
    }
    for (int k = 0; k <= B * T; k++) {
        const int64_t at = (int64_t)k * f->D;
        const double off = k == B * T ? fabs(loss[1] - loss[0]) : difference(hidden[0] + at, hidden[1] + at, f->D);
        worst = fmax(worst, isnan(off) ? (double)INFINITY : off / nudge);
    }
    memcpy(m->data, kept, (size_t)m->size * sizeof *kept);
    arena_restore(f->life, life);
    return worst;
}

// Outputs at each of the ascending lengths against one stream of the longest.
static void compare_with_stream(fixture *f, const int *lengths, int n, measurement *m)
{
    const int longest = lengths[n - 1], D = f->D;
    check_fill(f, 1);
    const int *tokens = fixture_tokens(f, 2, B * longest, CHECK_SYMBOLS);
    int *part = arena_take(f->life, B * (size_t)longest * sizeof *part);
    real *steps = arena_take(f->life, B * (size_t)longest * (size_t)D * sizeof *steps);
    fixture_stream(f, tokens, B, longest, longest, steps);
    for (int i = 0; i < n; i++) {
        const arena_mark life = arena_save(f->life);
        const int T = lengths[i];
        for (int b = 0; b < B; b++) memcpy(part + b * T, tokens + b * longest, (size_t)T * sizeof *part);
        const real *whole = fixture_forward(f, part, B, T);
        for (int k = 0; k < B * T; k++) {
            const int64_t at = ((int64_t)(k / T) * longest + k % T) * D;
            observe(m, T, difference(whole + (int64_t)k * D, steps + at, D), "length %d, position %d", T, k % T);
        }
        arena_restore(f->life, life);
    }
}

static void measure_step(fixture *f, int longest, measurement *m)
{
    int *lengths = arena_take(f->life, (size_t)longest * sizeof *lengths);
    for (int T = 1; T <= longest; T++) lengths[T - 1] = T;
    compare_with_stream(f, lengths, longest, m);
}

const check_property check_step = {
    .name = "forward = step", .summary = "largest difference over a position's largest entry, lengths 1 … 70",
    .bound = { 1e-4, 1e-10 }, .length = 70, .every = true, .measure = measure_step,
};

// ---- scans

static bool is_affine(const network *n)
{
    const architecture *a = n->architecture;
    for (int i = 0; a->build == backbone_build && i < backbone_layers(a->mixer, n->options); i++)
        if (backbone_layer(a->mixer, n->options, i).mixer->affine) return true;
    return false;
}

static bool is_scan(const fixture *f) { return f->network->architecture->depth || is_affine(f->network); }

// forward runs the static plan over chunks and step the counter: every number of chunks up to 34, the last with one token.
static void measure_chunks(fixture *f, int longest, measurement *m)
{
    const architecture *a = f->network->architecture;
    int first = 1, n = 0, lengths[33];
    while (first < longest && a->depth(f->network->options, first) == 0) first++;       // 2c + 1: the third chunk's prefix
    for (const int c = first / 2; n < 33 && (n == 0 || (n + 1) * c < longest); n++) lengths[n] = (n + 1) * c + 1;
    compare_with_stream(f, lengths, n, m);
    snprintf(m->note, sizeof m->note, "%d chunks, depth %d", n + 1, a->depth(f->network->options, lengths[n - 1]));
}

static tensor *forward_static (const layer *l, graph *g, tensor *x) { return affine_forward(l, g, x, AFFINE_STATIC); }
static tensor *forward_counter(const layer *l, graph *g, tensor *x) { return affine_forward(l, g, x, AFFINE_COUNTER); }

// A copy of an affine mixer that runs its pairs instead of its own kernel; another mixer as it is.
static const mixer *scanning(const mixer *m, tensor *(*forward)(const layer *, graph *, tensor *), arena *a)
{
    if (!m->affine) return m;
    mixer *made = arena_take(a, sizeof *made);
    memcpy(made, m, sizeof *made);
    made->forward = forward;
    return made;
}

// The same network, with such mixers.
static fixture open_scanning(const fixture *f, tensor *(*forward)(const layer *, graph *, tensor *))
{
    fixture g = fixture_open(f->entry, f->inputs, f->outputs);
    param_object description = { &g.network->architecture->object, (void *)g.network->options, {0} };
    const mixer *one = g.network->architecture->mixer;
    architecture *made = arena_take(g.life, sizeof *made);
    memcpy(made, g.network->architecture, sizeof *made);
    param_list *stack = &((backbone_options *)description.options)->stack;
    if (one) made->mixer = scanning(one, forward, g.life);
    for (int i = 0; !one && i < stack->n; i++) {
        param_object *use = (param_object *)stack->items + i;
        use->type = &scanning((const mixer *)use->type, forward, g.life)->object;
    }
    description.type = &made->object;
    g.network = network_open(&description, g.inputs, g.outputs, g.life);
    memcpy(g.network->model.data, f->network->model.data, (size_t)g.network->model.size * sizeof(real));
    return g;
}

// The (E, f) pairs of affine mixers, combined as either scan does, against the mixers' own forward.
static void measure_pairs(fixture *f, measurement *m)
{
    static const int lengths[] = { 1, 2, 3, 5, 8, 13, 21, 33, 64, 70 };
    tensor *(*const forwards[])(const layer *, graph *, tensor *) = { forward_static, forward_counter };
    static const char *const names[] = { "static scan", "counter" };
    check_fill(f, 1);
    const int *tokens = fixture_tokens(f, 2, B * 70, f->inputs);
    for (size_t k = 0; k < LEN(forwards); k++) {
        fixture g = open_scanning(f, forwards[k]);
        for (size_t i = 0; i < LEN(lengths); i++) {
            const int T = lengths[i];
            const real *own = fixture_forward(f, tokens, B, T), *scanned = fixture_forward(&g, tokens, B, T);
            for (int r = 0; r < B * T; r++)
                observe(m, T, difference(own + (int64_t)r * f->D, scanned + (int64_t)r * f->D, f->D),
                        "%s against forward, length %d, position %d", names[k], T, r % T);
        }
        fixture_close(&g);
    }
    snprintf(m->note, sizeof m->note, "as (E, f) pairs");
}

static void measure_scan(fixture *f, int longest, measurement *m)
{
    if (f->network->architecture->depth) measure_chunks(f, longest, m);
    else                                 measure_pairs(f, m);
}

const check_property check_scan = {
    .name = "scan = counter",
    .summary = "static scan against binary counter, over many chunks; of (E, f) pairs, both against forward",
    .bound = { 1e-4, 1e-10 }, .length = 1100, .every = true, .applies = is_scan, .measure = measure_scan,
};
