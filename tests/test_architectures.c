// Promises that every architecture keeps: forward = step, causality, independent rows, saved = loaded; and what is said of
// derived architectures, of PSM's sharing and of its streaming state.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "architectures/scan.h"
#include "harness/check.h"
#include "tests/refused.h"

enum { V = CHECK_SYMBOLS, B = 2 };

static const char *const others[] = {
    "{ name: transformer, d_model: 12, layers: 1, heads: 3 }",
    "{ name: transformer, d_model: 12, layers: 2, heads: 1, positions: none, head_bias: true }",
    "{ name: transformer, d_model: 12, heads: 12, norm: rms, mlp_width: 5 }",
    "{ name: transformer, d_model: 12, heads: 4, norm: none, mlp: none, tie: true }",
    "{ name: hybrid, d_model: 12, stack: [attention, { mixer: attention, heads: 2 }, { name: attention, heads: 1 }], mlp: none }",
    "{ name: transformer, d_model: 12, heads: 3, positions: rope, mlp: swiglu, mlp_width: 7, norm: rms }",
    "{ name: transformer, d_model: 12, layers: 1, heads: 1, positions: rope, rope_base: 30, window: 6 }",
    "{ name: transformer, d_model: 12, heads: 4, positions: alibi }",
    "{ name: transformer, d_model: 12, heads: 3, positions: alibi, window: 9, short_conv: 4, loop: 2 }",
    "{ name: transformer, d_model: 12, heads: 2, window: 1 }",
    "{ name: transformer, d_model: 12, heads: 2, window: 67, dropout: 0.1 }",
    "{ name: transformer, d_model: 12, heads: 2, residual: false, layers: 1, loop: 3, short_conv: 4 }",
    "{ name: lstm, d_model: 12 }", "{ name: lstm, d_model: 12, norm: none, residual: false }",
    "{ name: gru, d_model: 12, mlp: gelu, short_conv: 3 }", "{ name: lstm, d_model: 12, short_conv: 1, layers: 1 }",
    "{ name: gru, d_model: 12, norm: none, residual: false, loop: 2 }",
    "{ name: hybrid, d_model: 12, stack: [lstm, { mixer: attention, heads: 2, window: 5 }, gru], positions: alibi, loop: 2, "
        "mlp: swiglu }",
    "{ name: mamba, d_model: 12 }",
    "{ name: mamba, d_model: 12, layers: 1, state: 3, expand: 3, conv: 1, dt_rank: 5, eigenvalues: [-1, 1] }",
    "{ name: mamba, d_model: 20, state: 1, expand: 1, conv: 2, mlp: gelu, norm: layer }",
    "{ name: gla, d_model: 12, mlp_width: 9, heads: 3 }",
    "{ name: gla, d_model: 12, heads: 1, expand_k: 1, expand_v: 2, decay_rank: 3, mlp: none }",
    "{ name: gla, d_model: 12, heads: 6, decay_divisor: 0.01, mlp: gelu, short_conv: 4 }",
    "{ name: hybrid, d_model: 12, stack: [mamba, { mixer: gla, heads: 2 }, { mixer: attention, heads: 2 }], mlp: none, "
        "norm: rms }",
};

static const char *const psm_switches[] = {
    "shared: always", "identity: none", "agg_mask: causal", "bracketing: left-fold", "encoder_norm: true", "left_residual: true",
    "segment: true", "identity: none, segment: true",
    "mlp_width: 7, encoder_norm: true, left_residual: true, segment: true, shared: until-last-stage",
};
static const int chunks[] = { 1, 2, 3, 4, 5, 8 };

// Every configuration that forward = step is asked of: all PSM chunk sizes with 1 and 2 layers, every switch with four of them.
static const char *configuration(arena *a, int i)
{
    const int n_others = LEN(others), n_plain = 2 * LEN(chunks), n_switches = LEN(psm_switches);
    if (i < n_others)
        return others[i];
    if ((i -= n_others) < n_plain)
        return arena_text(a, "{ name: psm-softmax, d_model: 12, heads: 3, chunk: %d, agg_layers: %d, inf_layers: %d }",
                          chunks[i / 2], 1 + i % 2, 1 + i % 2);
    if ((i -= n_plain) < 4 * n_switches)
        return arena_text(a, "{ name: psm-softmax, d_model: 12, heads: 2, chunk: %d, agg_layers: %d, inf_layers: %d, %s }",
                          chunks[i % 4], 1 + i % 2, 1 + i % 2, psm_switches[i / 4]);
    const char *const uneven[] = { "agg_layers: 2, inf_layers: 1", "agg_layers: 1, inf_layers: 2" };
    i -= 4 * n_switches;
    return i < 2 ? arena_text(a, "{ name: psm-softmax, d_model: 12, heads: 3, chunk: 3, %s }", uneven[i]) : NULL;
}

static void each_configuration(void (*see)(const char *entry))
{
    arena *a = arena_new();
    for (int i = 0; configuration(a, i); i++)
        see(configuration(a, i));
    arena_free(a);
}

static bool equal_bits(const real *a, const real *b, int n) { return memcmp(a, b, (size_t)n * sizeof *a) == 0; }

// The properties that `scanbench check` measures, of every configuration.
static void keeps(const check_property *p)
{
    double worst = 0;
    arena *a = arena_new();
    for (int i = 0; configuration(a, i); i++) {
        measurement m;
        if (!check_measure(p, configuration(a, i), &m))
            continue;
        if (m.length)
            fail_msg("%s: %s: %g at length %d: %s", configuration(a, i), p->name, m.worst, m.length, m.where);
        worst = fmax(worst, m.worst);
    }
    print_message("%s: %.1e at most\n", p->name, worst);
    arena_free(a);
}

static void forward_is_step(void **state)         { keeps(&check_step); }
static void causal(void **state)                  { keeps(&check_causality); }
static void own_tokens_are_seen(void **state)     { keeps(&check_own_token); }
static void sequences_are_independent(void **state) { keeps(&check_batch); }
static void saved_is_loaded(void **state)         { keeps(&check_save); }
static void scans_are_counters(void **state)      { keeps(&check_scan); }

// network_init: every weight but biases is set, none is named twice, the seed decides, but for Mamba's rates.
static void initialise(const char *entry)
{
    fixture f = fixture_open(entry, V, V), g = fixture_open(entry, V, V);
    network_init(f.network, 1);
    network_init(g.network, 2);
    const model *m = &f.network->model;
    for (int i = 0; i < m->n; i++) {
        const tensor *w = &m->weight[i].tensor, *other = &g.network->model.weight[i].tensor;
        assert_ptr_equal(model_find(m, m->weight[i].name), &m->weight[i]);
        if (m->weight[i].kind == WEIGHT_BIAS || m->weight[i].kind == WEIGHT_GAIN || strstr(m->weight[i].name, "A_log"))
            continue;
        if (equal_bits(tensor_data(w), tensor_data(other), (int)tensor_size(w)))
            fail_msg("%s: %s does not depend on the seed", entry, m->weight[i].name);
    }
    assert_true(m->depth > 0);
    fixture_close(&f);
    fixture_close(&g);
}

static void initialised(void **state) { each_configuration(initialise); }

// The same numbers by two descriptions.
static void hybrid_of_attention_is_a_transformer(void **state)
{
    enum { T = 12 };
    fixture f = fixture_open("{ name: transformer, d_model: 12, layers: 2, heads: 4 }", V, V);
    fixture h = fixture_open("{ name: hybrid, d_model: 12, stack: [attention, { mixer: attention, heads: 4 }], "
                             "positions: learned }", V, V);
    const int *tokens = fixture_tokens(&f, 6, B * T, V);
    fixture_fill(&f, 7, 0.3);
    fixture_fill(&h, 7, 0.3);
    assert_int_equal(f.network->model.n, h.network->model.n);
    for (int i = 0; i < h.network->model.n; i++)
        assert_string_equal(f.network->model.weight[i].name, h.network->model.weight[i].name);
    assert_true(equal_bits(fixture_forward(&f, tokens, B, T), fixture_forward(&h, tokens, B, T), B * T * 12));
    fixture_close(&f);
    fixture_close(&h);
}

static void defaults_are_the_published_form(void **state)
{
    fixture f = fixture_open("{ name: transformer, d_model: 8 }", V, V);
    fixture p = fixture_open("{ name: psm-softmax, d_model: 8 }", V, V);
    const object *t = &f.network->architecture->object;
    assert_string_equal(param_print(t->options, f.network->options, PRINT_ALL, f.life),
                        "{ d_model: 8, tie: false, head_bias: false, init: gpt2, layers: 2, norm: layer, norm_eps: 1e-5, "
                        "mlp: gelu, mlp_width: auto, positions: learned, max_length: 1024, rope_base: 10000, short_conv: 0, "
                        "residual: true, loop: 1, dropout: 0, heads: 4, window: 0 }");
    assert_int_equal(f.network->init.preset, INIT_GPT2);
    assert_int_equal(p.network->init.preset, INIT_PSM);
    const object *used[4];
    assert_int_equal(f.network->architecture->versions(f.network->options, used, 4), 1);
    assert_string_equal(used[0]->name, "attention");
    fixture_close(&f);
    fixture_close(&p);
}

// What the option tables allow is opened: the deepest models.
static void the_deepest_models_open(void **state)
{
    static const char *const deepest[] = {
        "{ name: transformer, d_model: 1, heads: 1, layers: 256, max_length: 1, head_bias: true }",
        "{ name: psm-softmax, d_model: 1, heads: 1, agg_layers: 128, inf_layers: 128, segment: true, head_bias: true }",
    };
    for (size_t i = 0; i < LEN(deepest); i++) {
        fixture f = fixture_open(deepest[i], V, V);
        assert_in_range(f.network->model.n, 3000, 4096);
        fixture_close(&f);
    }
}

static void a_tied_head_is_the_embedding(void **state)
{
    fixture f = fixture_open("{ name: transformer, d_model: 8, tie: true }", V, V);
    fixture g = fixture_open("{ name: transformer, d_model: 8 }", V, V);
    assert_ptr_equal(f.network->head, f.network->embedding);
    assert_null(model_find(&f.network->model, "head.weight"));
    assert_int_equal(g.network->model.parameters - f.network->model.parameters, V * 8);
    fixture_close(&f);
    fixture_close(&g);
}

static void presets_keep_the_enums_order(void **state)
{
    const char *const *ours = init_alternatives[0].of, *const *theirs = init_params[0].of;
    assert_string_equal(init_params[0].name, "preset");
    for (int i = 0; ours[i] || theirs[i]; i++)
        assert_string_equal(ours[i], theirs[i]);
}

static void what_does_not_fit_is_said(void **state)
{
    refused("{ name: transformer, d_model: 10, heads: 4 }", V, V, 1, "heads: 4 does not divide d_model: 10");
    refused("{ name: psm-softmax, d_model: 10, heads: 4 }", V, V, 1, "heads: 4 does not divide d_model: 10");
    refused("{ name: hybrid, d_model: 10, stack: [{ mixer: attention, heads: 3 }] }", V, V, 1, "heads: 3 does not divide");
    refused("{ name: hybrid, d_model: 10, stack: [] }", V, V, 1, "stack");
    refused("{ name: hybrid, d_model: 10, stack: [atention] }", V, V, 1, "did you mean 'attention'?");
    refused("{ name: transformer, d_model: 12, max_length: 16 }", V, V, 17, "write max_length: 17");
    refused("{ name: transformer, d_model: 12, tie: true }", V, V + 1, 1, "tie: true needs equal vocabularies");
    refused("{ name: psm-softmax, d_model: 12, shared: always, agg_layers: 2 }", V, V, 1,
             "as many agg_layers (2) as inf_layers (1)");
    refused("{ name: psm-softmax, heads: 3 }", V, V, 1, "'d_model' must be given");
    fixture f = fixture_try("{ name: transformer, d_model: 12, max_length: 16, positions: none }", V, V + 1, 1000);
    assert_non_null(f.network);
    fixture_close(&f);
}

// ---- PSM

static const char until_last[] =
    "{ name: psm-softmax, d_model: 12, heads: 3, chunk: 2, agg_layers: 2, inf_layers: 2, shared: until-last-stage }";

static void agg_and_inf_part_at_the_last_stage(void **state)
{
    enum { T = 17 };
    fixture f = fixture_open(until_last, V, V);
    network *n = f.network;
    model *m = &n->model;
    fixture_fill(&f, 8, 0.3);
    const int *tokens = fixture_tokens(&f, 9, B * T, V), *targets = fixture_tokens(&f, 10, B * T, V);
    network_stage(n, 0, 3, true);
    network_stage(n, 1, 3, true);
    fixture_loss(&f, tokens, targets, B, T, true);
    const weight *agg = model_find(m, "agg.1.mlp.up.weight"), *inf = model_find(m, "inf.1.mlp.up.weight");
    const real *norm = tensor_data(&model_find(m, "agg.norm.gain")->tensor);
    const real norm_before = norm[3];
    for (int i = 0; i < 12; i++)
        assert_true(agg->tensor.grad[i] == 0 && inf->tensor.grad[i] != 0);
    const real *before = fixture_forward(&f, tokens, B, T);
    m->moment[1][tensor_data(&inf->tensor) - m->data + 5] = 42;

    network_stage(n, 2, 3, true);
    assert_true(equal_bits(before, fixture_forward(&f, tokens, B, T), B * T * f.D));
    assert_true(equal_bits(tensor_data(&agg->tensor), tensor_data(&inf->tensor), (int)tensor_size(&agg->tensor)));
    assert_true(m->moment[1][tensor_data(&agg->tensor) - m->data + 5] == 42);
    assert_true(norm[3] == norm_before);                            // the final norms were never one
    fixture_loss(&f, tokens, targets, B, T, true);
    for (int i = 0; i < 12; i++)
        assert_true(agg->tensor.grad[i] != 0 && agg->tensor.grad[i] != inf->tensor.grad[i]);
    fixture_close(&f);
}

// Weights of a checkpoint of the last stage are taken as they are.
static void going_on_copies_nothing(void **state)
{
    enum { T = 17 };
    fixture f = fixture_open(until_last, V, V), apart = fixture_open(
        "{ name: psm-softmax, d_model: 12, heads: 3, chunk: 2, agg_layers: 2, inf_layers: 2 }", V, V);
    fixture_fill(&f, 8, 0.3);
    fixture_fill(&apart, 8, 0.3);
    const int *tokens = fixture_tokens(&f, 9, B * T, V);
    assert_false(equal_bits(fixture_forward(&f, tokens, B, T), fixture_forward(&apart, tokens, B, T), B * T * f.D));
    network_stage(f.network, 0, 1, false);
    assert_true(equal_bits(fixture_forward(&f, tokens, B, T), fixture_forward(&apart, tokens, B, T), B * T * f.D));
    fixture_close(&f);
    fixture_close(&apart);
}

static void single_stage_parts_at_the_start(void **state)
{
    fixture f = fixture_open(until_last, V, V);
    network_init(f.network, 3);
    network_stage(f.network, 0, 1, true);
    const model *m = &f.network->model;
    assert_true(equal_bits(tensor_data(&model_find(m, "agg.0.mixer.qkv.weight")->tensor),
                           tensor_data(&model_find(m, "inf.0.mixer.qkv.weight")->tensor), 12 * 36));
    fixture_close(&f);
}

static void encoder_norm_starts_small(void **state)
{
    fixture f = fixture_open("{ name: psm-softmax, d_model: 12, encoder_norm: true }", V, V);
    fixture g = fixture_open("{ name: psm-softmax, d_model: 12 }", V, V);
    network_init(f.network, 3);
    network_init(g.network, 3);
    assert_true(tensor_data(&model_find(&f.network->model, "agg.norm.gain")->tensor)[2] == (real)0.2);
    assert_true(tensor_data(&model_find(&g.network->model, "agg.norm.gain")->tensor)[2] == 1);
    assert_int_equal(model_find(&f.network->model, "agg.norm.gain")->decay, NO_DECAY);
    fixture_close(&f);
    fixture_close(&g);
}

static void depth_of_agg(void **state)
{
    static const struct { int chunk, tokens, depth; const char *bracketing; } cases[] = {
        { 1, 1, 0, "blelloch" },    { 1, 2, 0, "blelloch" },    { 1, 3, 1, "blelloch" },   { 1, 4, 2, "blelloch" },
        { 1, 128, 12, "blelloch" }, { 64, 128, 0, "blelloch" }, { 64, 129, 1, "blelloch" }, { 64, 512, 4, "blelloch" },
        { 1, 1, 0, "left-fold" },   { 1, 2, 0, "left-fold" },   { 1, 18, 16, "left-fold" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        arena *a = arena_new();
        fixture f = fixture_open(arena_text(a, "{ name: psm-softmax, d_model: 4, chunk: %d, bracketing: %s }", cases[i].chunk,
                                            cases[i].bracketing), V, V);
        assert_int_equal(f.network->architecture->depth(f.network->options, cases[i].tokens), cases[i].depth);
        fixture_close(&f);
        arena_free(a);
    }
}

// State bytes after T tokens, one sequence.
static size_t state_after(const char *entry, int T)
{
    fixture f = fixture_open(entry, V, V);
    fixture_fill(&f, 8, 0.2);
    stream s;
    real y[64];
    const size_t before = arena_used(f.memory);
    stream_begin(&s, f.network, 1, f.memory, f.step, f.team);
    for (int t = 0; t < T; t++)
        stream_step(&s, f.network, &(int){ t % V }, y);
    const size_t bytes = arena_used(f.memory) - before;
    assert_int_equal(arena_used(f.step), 0);                        // nothing of a token stays in `work`
    fixture_close(&f);
    return bytes;
}

static void psm_state_is_logarithmic(void **state)
{
    for (int c = 1; c <= 4; c *= 4)
        for (int doublings = 4; doublings <= 11; doublings++) {
            arena *a = arena_new();
            const char *entry = arena_text(a, "{ name: psm-softmax, d_model: 16, heads: 2, chunk: %d }", c);
            const size_t row = 16 * sizeof(real), chunk = (size_t)c * row;
            // roots and folds; the chunk at hand; Inf's keys and values; 64 bytes of alignment each and a header each
            const size_t most = 2 * (size_t)doublings * (chunk + 128) + chunk + 2 * 2 * chunk + 2048;
            const size_t bytes = state_after(entry, c << doublings);
            if (!(bytes <= most))
                fail_msg("chunk %d, 2^%d chunks: %zu bytes of state, expected at most %zu", c, doublings, bytes, most);
            arena_free(a);
        }
}

static void attention_state_is_what_theory_says(void **state)
{
    for (int T = 8; T <= 512; T *= 2) {
        const size_t theory = 2 * (size_t)T * 16 * sizeof(real);
        const size_t bytes = state_after("{ name: transformer, d_model: 16, layers: 1, heads: 2 }", T);
        if (!(bytes >= theory && bytes <= theory + 64 * 24))
            fail_msg("%d tokens: %zu bytes of state, by theory %zu", T, bytes, theory);
    }
}

int main(void)
{
    fixture_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_step),
        cmocka_unit_test(causal),
        cmocka_unit_test(own_tokens_are_seen),
        cmocka_unit_test(sequences_are_independent),
        cmocka_unit_test(saved_is_loaded),
        cmocka_unit_test(scans_are_counters),
        cmocka_unit_test(initialised),
        cmocka_unit_test(hybrid_of_attention_is_a_transformer),
        cmocka_unit_test(defaults_are_the_published_form),
        cmocka_unit_test(the_deepest_models_open),
        cmocka_unit_test(a_tied_head_is_the_embedding),
        cmocka_unit_test(presets_keep_the_enums_order),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(agg_and_inf_part_at_the_last_stage),
        cmocka_unit_test(going_on_copies_nothing),
        cmocka_unit_test(single_stage_parts_at_the_start),
        cmocka_unit_test(encoder_norm_starts_small),
        cmocka_unit_test(depth_of_agg),
        cmocka_unit_test(psm_state_is_logarithmic),
        cmocka_unit_test(attention_state_is_what_theory_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
