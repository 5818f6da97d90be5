// What training keeps: gradients, the same bits for any number of threads, and that a batch can be learned by heart.
#include "harness/check.h"

#include <stdio.h>
#include <string.h>

// (8 (L(w + h) − L(w − h)) − (L(w + 2h) − L(w − 2h))) / 12h = dL/dw to O(h⁴).
static double by_differences(fixture *f, int64_t at, double h, const int *tokens, const int *targets, int B, int T)
{
    real *w = &f->network->model.data[at];
    const real was = *w;
    double loss[5];
    for (int s = -2; s <= 2; s++) {
        *w = (real)((double)was + s * h);
        loss[s + 2] = fixture_loss(f, tokens, targets, B, T, false);
    }
    *w = was;
    return (8 * (loss[3] - loss[1]) - (loss[4] - loss[0])) / (12 * h);
}

// Some entries of every weight. A step that is too wide where the loss bends (a norm of nearly nothing) is made smaller: a wrong
// gradient is wrong at each.
static void measure_gradients(fixture *f, int T, measurement *m)
{
    enum { B = 2, ENTRIES = 4 };
    static const double steps[] = { 3e-4, 3e-5, 3e-6, 3e-7 };
    model *all = &f->network->model;
    rng r = rng_start((const uint64_t[]){ 5, RNG_TESTS, (uint64_t)T }, 3);
    check_fill(f, 1);
    const int *tokens = fixture_tokens(f, 2, B * T, f->inputs);
    int *targets = fixture_tokens(f, 4, B * T, f->outputs);
    targets[B * T - 1] = IGNORE;
    f->dropout_step = 3;
    fixture_loss(f, tokens, targets, B, T, true);
    real *grad = arena_take(f->life, (size_t)all->size * sizeof *grad);
    memcpy(grad, all->grad, (size_t)all->size * sizeof *grad);
    for (int k = 0; k < all->n * ENTRIES; k++) {
        const weight *w = &all->weight[k / ENTRIES];
        const int64_t at = tensor_data(&w->tensor) - all->data + (int64_t)rng_below(&r, (uint64_t)tensor_size(&w->tensor));
        const double g = (double)grad[at];
        double off = INFINITY, slope = 0;
        for (size_t i = 0; i < LEN(steps) && !(off <= m->bound / 10); i++) {
            slope = by_differences(f, at, steps[i], tokens, targets, B, T);
            const double now = fabs(slope - g) / fmax(1, fabs(g));
            if (!(now >= off)) off = now;
        }
        observe(m, T, off, "%s: gradient %.12g, by differences %.12g", w->name, g, slope);
    }
    f->dropout_step = -1;
    snprintf(m->note, sizeof m->note, "%d weights", all->n);
}

const check_property check_gradients = {
    .name = "gradients", .summary = "against central differences, over max(1, |g|)", .bound = { NAN, 1e-7 }, .length = 11,
    .measure = measure_gradients,
};

// Weights after three updates, and a stream of outputs.
static uint64_t hash_of_training(const fixture *original, int threads, int T, double *loss)
{
    enum { B = 3 };
    fixture f = fixture_open(original->entry, original->inputs, original->outputs);
    fixture_threads(&f, threads);
    fixture_optimizer(&f, "{ name: adamw, lr: 3.0e-3, weight_decay: 0.01 }");
    const int *tokens = fixture_tokens(&f, 3, B * T, f.inputs), *targets = fixture_tokens(&f, 4, B * T, f.outputs);
    network_init(f.network, 1);
    network_stage(f.network, 0, 1, true);
    for (int step = 0; step < 3; step++) *loss = fixture_train(&f, tokens, targets, B, T);
    const size_t bytes = B * (size_t)T * (size_t)f.D * sizeof(real);
    real *hidden = arena_take(f.life, bytes);
    fixture_stream(&f, tokens, B, T, T, hidden);
    uint64_t hash = hash_bytes(f.network->model.data, (uint64_t)f.network->model.size * sizeof(real), 0);
    hash = hash_bytes(hidden, bytes, hash);
    fixture_close(&f);
    return hash;
}

static void measure_threads(fixture *f, int T, measurement *m)
{
    static const int threads[] = { 2, 3, 7 };
    double loss;
    const uint64_t alone = hash_of_training(f, 1, T, &loss);
    if (!isfinite(loss)) observe(m, T, NAN, "loss %g after three updates", loss);
    for (size_t i = 0; i < LEN(threads); i++)
        observe(m, T, hash_of_training(f, threads[i], T, &loss) != alone, "%d threads give other bits than one", threads[i]);
}

const check_property check_threads = {
    .name = "threads", .summary = "three updates and a stream whose bits change with 2, 3 or 7 threads", .bound = { 0, NAN },
    .length = 37, .measure = measure_threads,
};

// Four sequences with a random target at every position. So many symbols that no two contexts are alike, however short.
static void measure_memorise(fixture *original, int T, measurement *m)
{
    enum { SYMBOLS = 61, B = 4, STEPS = 1000, STAGES = 2, STAGE = 50 };
    fixture f = fixture_open(original->entry, SYMBOLS, SYMBOLS);
    const int *tokens = fixture_tokens(&f, 3, B * T, SYMBOLS), *targets = fixture_tokens(&f, 4, B * T, CHECK_SYMBOLS);
    fixture_optimizer(&f, "{ name: adamw, lr: 1.0e-2, weight_decay: 0 }");
    network_init(f.network, 1);
    double loss = INFINITY;
    int step = 0;
    while (step < STEPS && !(loss <= m->bound)) {
        if (step % STAGE == 0 && step / STAGE < STAGES) network_stage(f.network, step / STAGE, STAGES, true);
        fixture_train(&f, tokens, targets, B, T);
        if (++step % 10 == 0) loss = fixture_loss(&f, tokens, targets, B, T, false);
    }
    observe(m, T, loss, "loss %g after %d updates", loss, step);
    snprintf(m->note, sizeof m->note, "%d updates", step);
    fixture_close(&f);
}

const check_property check_memorise = {
    .name = "memorise", .summary = "loss on four examples, learned by heart", .bound = { 0.05, NAN }, .length = 13,
    .every = true, .asks_more = true, .measure = measure_memorise,
};
