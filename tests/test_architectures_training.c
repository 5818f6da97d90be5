// Training, for every architecture: random valid configurations drawn from the option tables, a batch learned by heart, the
// same bits for any number of threads, and (in double) whole-model gradients against central differences.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "nn/optimizer.h"
#include "tests/network_fixture.h"

enum { V = 7 };

// Everything that is not said otherwise here is drawn from the option's own range, near its lower end.
static const struct { const char *name, *values[6]; } tiny[] = {
    { "d_model",    { "4", "8", "12" } },
    { "heads",      { "1", "2", "4" } },
    { "layers",     { "1", "2", "3" } },
    { "max_length", { "40", "64" } },
    { "norm_eps",   { "1e-6", "1e-5", "0.01" } },
    { "init",       { "gpt2", "psm", "zoology", "{ matrices: 0.2, embedding: 0.3 }", "{ preset: psm, head: 0.1, states: 1 }" } },
    { "stack",      { "[attention]", "[attention, { mixer: attention, heads: 2, window: 3 }]", "[lstm, { name: attention, heads: 1 }]",
                      "[gru, lstm]" } },
    { "rope_base",  { "10000", "2", "500" } },
    { "dropout",    { "0", "0.1", "0.5" } },
};

static const char *draw_value(const param *p, rng *r, arena *a)
{
    for (size_t i = 0; i < LEN(tiny); i++) {
        uint64_t n = 0;
        while (n < LEN(tiny[i].values) && tiny[i].values[n])
            n++;
        if (strcmp(tiny[i].name, p->name) == 0)
            return tiny[i].values[rng_below(r, n)];
    }
    const char *const *words = p->of;
    uint64_t n = 0;
    switch (p->type) {
    case PARAM_BOOL:
        return rng_below(r, 2) ? "true" : "false";
    case PARAM_CHOICE:
        while (words[n])
            n++;
        return words[rng_below(r, n)];
    case PARAM_INT:
        return arena_text(a, "%d", (int)(p->min + (double)rng_below(r, 4)));
    default:
        fail_msg("option %s: add its values to the list of this test", p->name);
        return NULL;
    }
}

static const char *draw_entry(const object *o, rng *r, arena *a)
{
    const char *text = arena_text(a, "{ name: %s", o->name);
    for (const param *p = o->options; p->name; p++)
        if (!p->initial || rng_below(r, 2) || strcmp(p->name, "heads") == 0)
            text = arena_text(a, "%s, %s: %s", text, p->name, draw_value(p, r, a));
    return arena_text(a, "%s }", text);
}

typedef struct trainer { param_object adamw; double rate; int64_t step; } trainer;

static trainer trainer_open(fixture *f, const char *optimizer)
{
    trainer t = {0};
    const yaml *y = yaml_parse(optimizer, "optimizer", f->life, f->faults);
    assert_true(y && param_read_object(&optimizer_family, &t.adamw, y, f->life, f->faults));
    t.rate = ((const struct optimizer *)t.adamw.type)->rate(t.adamw.options);
    return t;
}

static double train(fixture *f, trainer *t, const int *tokens, const int *targets, int B, int T)
{
    f->dropout_step = t->step++;
    const double loss = fixture_loss(f, tokens, targets, B, T, true);
    ((const struct optimizer *)t->adamw.type)->update(t->adamw.options, &f->network->model, f->team, &t->rate, &t->step);
    return loss;
}

static const char optimizer_text[] = "{ name: adamw, lr: 3.0e-3, weight_decay: 0.01 }";

// NULL: it works; else what is wrong.
static const char *try_configuration(fixture *f, arena *a)
{
    static const int lengths[] = { 3, 8, 21 };
    enum { B = 2, LONGEST = 21 };
    const int *tokens = fixture_tokens(f, 1, B * LONGEST, V), *targets = fixture_tokens(f, 2, B * LONGEST, V);
    trainer t = trainer_open(f, optimizer_text);
    network_init(f->network, 1);
    for (int step = 0; step < 2; step++) {
        network_stage(f->network, step, 2, true);
        const double loss = train(f, &t, tokens, targets, B, LONGEST);
        if (!isfinite(loss))
            return arena_text(a, "loss %g at step %d", loss, step);
    }
    for (size_t i = 0; i < LEN(lengths); i++) {
        const int T = lengths[i], n = B * T * f->D;
        const real *hidden = fixture_forward(f, tokens, B, T);
        real *steps = arena_take(f->life, (size_t)n * sizeof *steps), largest = 0;
        fixture_stream(f, tokens, B, T, T, steps);
        for (int k = 0; k < n; k++) {
            if (k % f->D == 0) {
                largest = 0;
                for (int d = 0; d < f->D; d++)
                    largest = fmax(largest, fabs(hidden[k + d]));
            }
            if (!(fabs((double)hidden[k] - (double)steps[k]) <= step_tolerance * (double)largest))
                return arena_text(a, "length %d, position %d: forward %g, step %g", T, k / f->D % T, (double)hidden[k],
                                  (double)steps[k]);
        }
    }
    return NULL;
}

static void random_configurations(void **state)
{
    arena *a = arena_new();
    rng r = rng_start((const uint64_t[]){ 11, RNG_TESTS }, 2);
    const object_family *family = architecture_family();
    int64_t smallest = INT64_MAX;
    const char *smallest_text = NULL;
    int tried = 0, failed = 0;
    for (int drawn = 0; tried < 200; drawn++) {
        assert_in_range(drawn, 0, 4000);                            // most of what is drawn must be valid
        const char *entry = draw_entry(family->entries[drawn % family->n], &r, a);
        fixture f = fixture_try(entry, V, V, 21);
        const char *fault = f.network ? try_configuration(&f, a) : NULL;
        tried += f.network != NULL;
        failed += fault != NULL;
        if (fault && f.network->model.parameters < smallest) {
            smallest = f.network->model.parameters;
            smallest_text = arena_text(a, "%s: %s", entry, fault);
        }
        fixture_close(&f);
    }
    if (smallest_text)
        fail_msg("%d of %d fail; the smallest is %s", failed, tried, smallest_text);
    arena_free(a);
}

static const char *const each[] = {
    "{ name: transformer, d_model: 24, heads: 3, init: { matrices: 0.1, embedding: 0.3 } }",
    "{ name: hybrid, d_model: 24, stack: [attention, attention], positions: learned, init: { matrices: 0.1, embedding: 0.3 } }",
    "{ name: psm-softmax, d_model: 24, heads: 3, init: { matrices: 0.1, embedding: 0.3, states: 0.2 } }",
    "{ name: psm-softmax, d_model: 24, heads: 3, chunk: 4, agg_layers: 2, inf_layers: 2, encoder_norm: true, "
        "left_residual: true, segment: true, init: { matrices: 0.1, embedding: 0.3, states: 0.2 } }",
    "{ name: psm-softmax, d_model: 24, heads: 3, chunk: 2, shared: until-last-stage, "
        "init: { matrices: 0.1, embedding: 0.3, states: 0.2 } }",
    "{ name: transformer, d_model: 24, heads: 3, positions: rope, window: 9, mlp: swiglu, mlp_width: 40, short_conv: 4, "
        "init: { matrices: 0.1, embedding: 0.3 } }",
    "{ name: transformer, d_model: 24, heads: 3, layers: 1, loop: 2, positions: alibi, dropout: 0.02, "
        "init: { matrices: 0.1, embedding: 0.3 } }",
    "{ name: psm-softmax, d_model: 24, heads: 3, chunk: 2, dropout: 0.05, init: { matrices: 0.1, embedding: 0.3, states: 0.2 } }",
    "{ name: lstm, d_model: 24, init: { preset: mamba, embedding: 0.3 } }",
    "{ name: gru, d_model: 24, init: { preset: mamba, embedding: 0.3 } }",
    "{ name: lstm, d_model: 24, norm: none, mlp: none, residual: false, init: { preset: mamba, embedding: 0.3 } }",
};

static void every_architecture_is_in_the_list(void **state)
{
    const object_family *family = architecture_family();
    for (int i = 0; i < family->n; i++) {
        bool there = false;
        for (size_t k = 0; k < LEN(each); k++)
            there |= strncmp(each[k] + strlen("{ name: "), family->entries[i]->name, strlen(family->entries[i]->name)) == 0;
        if (!there)
            fail_msg("add %s to the list of this test", family->entries[i]->name);
    }
}

static void a_batch_is_learned_by_heart(void **state)
{
    enum { B = 4, T = 13, STEPS = 400 };
    for (size_t i = 0; i < LEN(each); i++) {
        fixture f = fixture_open(each[i], V, V);
        const int *tokens = fixture_tokens(&f, 3, B * T, V), *targets = fixture_tokens(&f, 4, B * T, V);
        trainer t = trainer_open(&f, "{ name: adamw, lr: 1.0e-2, weight_decay: 0 }");
        double loss = 0;
        int step = 0;
        network_init(f.network, 1);
        for (; step < STEPS && (step == 0 || loss >= 0.05); step++) {
            if (step == 0 || step == 50)
                network_stage(f.network, step / 50, 2, true);
            loss = train(&f, &t, tokens, targets, B, T);
        }
        if (!(loss < 0.05))
            fail_msg("%s: loss %g after %d steps", each[i], loss, step);
        print_message("%d steps: %.60s\n", step, each[i]);
        fixture_close(&f);
    }
}

static void threads_change_no_bit(void **state)
{
    enum { B = 3, T = 37 };
    static const int threads[] = { 1, 2, 3, 7 };
    for (size_t i = 0; i < LEN(each); i++) {
        uint64_t first = 0;
        for (size_t k = 0; k < LEN(threads); k++) {
            fixture f = fixture_open(each[i], V, V);
            team_free(f.team);
            f.team = team_new(threads[k]);
            const int *tokens = fixture_tokens(&f, 3, B * T, V), *targets = fixture_tokens(&f, 4, B * T, V);
            trainer t = trainer_open(&f, optimizer_text);
            network_init(f.network, 1);
            for (int step = 0; step < 3; step++)
                train(&f, &t, tokens, targets, B, T);
            real *hidden = arena_take(f.life, B * T * (size_t)f.D * sizeof *hidden);
            fixture_stream(&f, tokens, B, T, T, hidden);
            uint64_t hash = hash_bytes(f.network->model.data, (uint64_t)f.network->model.size * sizeof(real), 0);
            hash = hash_bytes(hidden, B * T * (uint64_t)f.D * sizeof(real), hash);
            if (k == 0)
                first = hash;
            else if (hash != first)
                fail_msg("%s: %d threads change bits", each[i], threads[k]);
            fixture_close(&f);
        }
    }
}

// Two steps of equal shapes take the same memory: addresses repeat, nothing grows.
static void steps_take_the_same_memory(void **state)
{
    enum { B = 2, T = 19 };
    for (size_t i = 0; i < LEN(each); i++) {
        fixture f = fixture_open(each[i], V, V);
        const int *tokens = fixture_tokens(&f, 3, B * T, V), *targets = fixture_tokens(&f, 4, B * T, V);
        network_init(f.network, 1);
        fixture_loss(&f, tokens, targets, B, T, true);
        const size_t used = arena_used(f.step), peak = arena_peak(f.step);
        fixture_loss(&f, tokens, targets, B, T, true);
        assert_int_equal(used, arena_used(f.step));
        assert_int_equal(peak, arena_peak(f.step));
        fixture_close(&f);
    }
}

#ifdef REAL_DOUBLE
static const char *const differentiated[] = {
    "{ name: transformer, d_model: 8, heads: 2, head_bias: true }",
    "{ name: transformer, d_model: 8, heads: 2, norm: rms, mlp_width: 5, tie: true }",
    "{ name: transformer, d_model: 8, heads: 2, norm: none, mlp: none, positions: none }",
    "{ name: psm-softmax, d_model: 8, heads: 2 }",
    "{ name: psm-softmax, d_model: 8, heads: 2, chunk: 3, agg_layers: 2, inf_layers: 2, shared: always, "
        "identity: none, segment: true }",
    "{ name: psm-softmax, d_model: 8, heads: 1, chunk: 2, encoder_norm: true, left_residual: true, segment: true, "
        "agg_mask: causal }",
    "{ name: psm-softmax, d_model: 8, heads: 2, bracketing: left-fold, mlp_width: 3 }",
    "{ name: transformer, d_model: 8, heads: 2, positions: rope, window: 4, mlp: swiglu, mlp_width: 5, short_conv: 4 }",
    "{ name: transformer, d_model: 6, heads: 3, positions: alibi, loop: 2, layers: 1 }",
    "{ name: transformer, d_model: 8, heads: 2, dropout: 0.3 }",
    "{ name: psm-softmax, d_model: 8, heads: 2, chunk: 2, dropout: 0.3 }",
    "{ name: lstm, d_model: 5 }", "{ name: gru, d_model: 5, residual: false }",
};

// (8 (L(w + h) − L(w − h)) − (L(w + 2h) − L(w − 2h))) / 12h = dL/dw to O(h⁴).
static void gradients_of_whole_models(void **state)
{
    enum { B = 2, T = 11, ENTRIES = 4 };
    const double h = 1e-3;
    double worst = 0;
    for (size_t i = 0; i < LEN(differentiated); i++) {
        fixture f = fixture_open(differentiated[i], V, V);
        model *m = &f.network->model;
        f.dropout_step = 3;
        rng r = rng_start((const uint64_t[]){ 5, RNG_TESTS, i }, 3);
        fixture_fill(&f, 6, 0.3);
        const int *tokens = fixture_tokens(&f, 3, B * T, V);
        int *targets = fixture_tokens(&f, 4, B * T, V);
        targets[3] = targets[B * T - 1] = IGNORE;
        fixture_loss(&f, tokens, targets, B, T, true);
        real *grad = arena_take(f.life, (size_t)m->size * sizeof *grad);
        memcpy(grad, m->grad, (size_t)m->size * sizeof *grad);
        for (int k = 0; k < m->n * ENTRIES; k++) {
            const tensor *w = &m->weight[k / ENTRIES].tensor;
            const int64_t at = tensor_data(w) - m->data + (int64_t)rng_below(&r, (uint64_t)tensor_size(w));
            const real was = m->data[at];
            double loss[5];
            for (int s = -2; s <= 2; s++) {
                m->data[at] = was + s * h;
                loss[s + 2] = fixture_loss(&f, tokens, targets, B, T, false);
            }
            m->data[at] = was;
            const double difference = (8 * (loss[3] - loss[1]) - (loss[4] - loss[0])) / (12 * h);
            const double off = fabs(difference - grad[at]);
            worst = fmax(worst, off / fmax(1, fabs(grad[at])));
            if (!(off <= 1e-7 * fmax(1, fabs(grad[at]))))
                fail_msg("%s, %s: gradient %.12g, by differences %.12g", differentiated[i], m->weight[k / ENTRIES].name, grad[at],
                         difference);
        }
        fixture_close(&f);
    }
    print_message("gradients off by %.1e at most\n", worst);
}
#endif

int main(void)
{
    fixture_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_configurations),
        cmocka_unit_test(every_architecture_is_in_the_list),
        cmocka_unit_test(a_batch_is_learned_by_heart),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(steps_take_the_same_memory),
#ifdef REAL_DOUBLE
        cmocka_unit_test(gradients_of_whole_models),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
