// Training, for every architecture: random valid configurations drawn from the option tables, a batch learned by heart, the
// same bits for any number of threads, and (in double) whole-model gradients against central differences.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "harness/check.h"

enum { V = CHECK_SYMBOLS };

static const char optimizer_text[] = "{ name: adamw, lr: 3.0e-3, weight_decay: 0.01 }";

static int compared;                    // configurations whose rounding is small enough for forward = step

// NULL: it works; else what is wrong.
static const char *try_configuration(fixture *f, arena *a)
{
    static const int lengths[] = { 3, 8, 21 };
    enum { B = 2, LONGEST = 21 };
    const int *tokens = fixture_tokens(f, 1, B * LONGEST, V), *targets = fixture_tokens(f, 2, B * LONGEST, V);
    fixture_optimizer(f, optimizer_text);
    network_init(f->network, 1);
    for (int step = 0; step < 2; step++) {
        network_stage(f->network, step, 2, true);
        const double loss = fixture_train(f, tokens, targets, B, LONGEST);
        if (!isfinite(loss))
            return arena_text(a, "loss %g at step %d", loss, step);
    }
    const bool wild = check_amplification(f) >= WILD;
    compared += !wild;
    for (size_t i = 0; i < LEN(lengths) && !wild; i++) {
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
        const char *entry = check_draw(family->entries[drawn % family->n], &r, a);
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
    assert_in_range(compared, 150, tried);
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

// The list above, and every architecture with its defaults.
static const char *configuration(arena *a, int i)
{
    const object_family *family = architecture_family();
    if (i < (int)LEN(each))
        return each[i];
    if ((i -= (int)LEN(each)) >= family->n)
        return NULL;
    diag *d = diag_new();
    const yaml *name = yaml_parse(arena_text(a, "{ name: %s }", family->entries[i]->name), "name", a, d);
    diag_free(d);
    return yaml_flow(check_defaults(family->entries[i], name, a), a);
}

static void keeps(const check_property *p, const char *const *entries, int n)           // entries NULL: the configurations
{
    arena *a = arena_new();
    for (int i = 0; entries ? i < n : configuration(a, i) != NULL; i++) {
        measurement m;
        const char *entry = entries ? entries[i] : configuration(a, i);
        if (!check_measure(p, entry, &m))
            continue;
        if (m.length)
            fail_msg("%s: %s: %g at length %d: %s", entry, p->name, m.worst, m.length, m.where);
        print_message("%.1e %s: %.60s\n", m.worst, m.note, entry);
    }
    arena_free(a);
}

static void a_batch_is_learned_by_heart(void **state) { keeps(&check_memorise, NULL, 0); }
static void threads_change_no_bit(void **state)       { keeps(&check_threads, NULL, 0); }
static void states_are_what_theory_says(void **state) { keeps(&check_state, NULL, 0); }

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

static void gradients_of_whole_models(void **state) { keeps(&check_gradients, differentiated, (int)LEN(differentiated)); }
#endif

int main(void)
{
    fixture_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_configurations),
        cmocka_unit_test(a_batch_is_learned_by_heart),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(states_are_what_theory_says),
        cmocka_unit_test(steps_take_the_same_memory),
#ifdef REAL_DOUBLE
        cmocka_unit_test(gradients_of_whole_models),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
