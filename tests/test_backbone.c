// What the backbone's options promise beyond the promises of every architecture: windows, positions, loops, bare stacks, dropout,
// states as large as theory says, and what does not fit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "architectures/block.h"
#include "nn/optimizer.h"
#include "nn/ops/mask.h"
#include "tests/refused.h"

enum { V = 7, B = 2 };

static bool equal_bits(const real *a, const real *b, int64_t n) { return memcmp(a, b, (size_t)n * sizeof *a) == 0; }

// One layer: token 0 reaches the W tokens from its own on, and none behind.
static void a_window_is_as_wide_as_it_says(void **state)
{
    static const struct { const char *entry; int W; } windows[] = {
        { "{ name: transformer, d_model: 8, heads: 2, layers: 1, window: 1 }", 1 },
        { "{ name: transformer, d_model: 8, heads: 2, layers: 1, window: 5 }", 5 },
        { "{ name: transformer, d_model: 16, heads: 1, layers: 1, window: 13, positions: rope }", 13 },
        { "{ name: transformer, d_model: 8, heads: 2, layers: 1, window: 4, positions: alibi, short_conv: 4 }", 7 },
    };
    enum { T = 40 };
    for (size_t i = 0; i < LEN(windows); i++) {
        fixture f = fixture_open(windows[i].entry, V, V);
        fixture_fill(&f, 1, 0.4);
        int *tokens = fixture_tokens(&f, 2, T, V);
        const real *before = fixture_forward(&f, tokens, 1, T);
        tokens[0] = (tokens[0] + 1) % V;
        const real *after = fixture_forward(&f, tokens, 1, T);
        for (int t = 0; t < T; t++)
            if (equal_bits(before + t * f.D, after + t * f.D, f.D) != (t >= windows[i].W))
                fail_msg("%s: token 0 and token %d", windows[i].entry, t);
        fixture_close(&f);
    }
}

// Press et al.: get_slopes(2), (3), (4), (8) and (12) of their code.
static void slopes_are_the_published_ones(void **state)
{
    static const struct { int heads; double exponent[12]; } known[] = {
        { 1, { 8 } }, { 2, { 4, 8 } }, { 3, { 4, 8, 2 } }, { 4, { 2, 4, 6, 8 } }, { 8, { 1, 2, 3, 4, 5, 6, 7, 8 } },
        { 12, { 1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5 } },
    };
    for (size_t i = 0; i < LEN(known); i++)
        for (int h = 0; h < known[i].heads; h++)
            if (!(fabs(attention_slope(h, known[i].heads) - exp2(-known[i].exponent[h])) <= 1e-15))
                fail_msg("head %d of %d: %g", h, known[i].heads, attention_slope(h, known[i].heads));
}

// Only the distance counts: a sequence behind a prefix that the window hides gives the same, wherever it begins.
static void relative_positions_do_not_care_where(void **state)
{
    static const char *const entries[] = {
        "{ name: transformer, d_model: 8, heads: 2, layers: 1, window: 6, positions: rope }",
        "{ name: transformer, d_model: 8, heads: 2, layers: 1, window: 6, positions: alibi }",
    };
    enum { T = 30, W = 6, PERIOD = 7 };
    for (size_t i = 0; i < LEN(entries); i++) {
        fixture f = fixture_open(entries[i], V, V);
        fixture_fill(&f, 1, 0.4);
        int tokens[T];
        for (int t = 0; t < T; t++)
            tokens[t] = t % PERIOD;
        const real *hidden = fixture_forward(&f, tokens, 1, T);
        for (int t = W + PERIOD; t < T; t++)
            for (int d = 0; d < f.D; d++)
                if (!(fabs((double)hidden[t * f.D + d] - (double)hidden[(t - PERIOD) * f.D + d]) <= step_tolerance))
                    fail_msg("%s: positions %d and %d differ", entries[i], t, t - PERIOD);
        fixture_close(&f);
    }
}

static void copy_weights(const fixture *from, const fixture *to, const char *prefix, const char *to_prefix)
{
    const model *m = &from->network->model;
    for (int i = 0; i < m->n; i++) {
        char name[64];
        if (strncmp(m->weight[i].name, prefix, strlen(prefix)) != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", to_prefix, m->weight[i].name + strlen(prefix));
        const weight *w = model_find(&to->network->model, name);
        assert_non_null(w);
        memcpy(w->tensor.data, m->weight[i].tensor.data, (size_t)tensor_size(&w->tensor) * sizeof(real));
    }
}

// A loop of two is two layers with equal weights, whose gradients add.
static void a_loop_is_a_stack_with_shared_weights(void **state)
{
    enum { T = 9 };
    fixture loop = fixture_open("{ name: transformer, d_model: 8, heads: 2, layers: 1, loop: 2 }", V, V);
    fixture stack = fixture_open("{ name: transformer, d_model: 8, heads: 2, layers: 2 }", V, V);
    const int *tokens = fixture_tokens(&loop, 1, B * T, V), *targets = fixture_tokens(&loop, 2, B * T, V);
    fixture_fill(&loop, 3, 0.3);
    copy_weights(&loop, &stack, "", "");
    copy_weights(&loop, &stack, "layers.0.", "layers.1.");
    assert_true(equal_bits(fixture_forward(&loop, tokens, B, T), fixture_forward(&stack, tokens, B, T), B * T * 8));
    fixture_loss(&loop, tokens, targets, B, T, true);
    fixture_loss(&stack, tokens, targets, B, T, true);
    const real *once = model_find(&loop.network->model, "layers.0.mixer.qkv.weight")->tensor.grad;
    const real *first = model_find(&stack.network->model, "layers.0.mixer.qkv.weight")->tensor.grad;
    const real *second = model_find(&stack.network->model, "layers.1.mixer.qkv.weight")->tensor.grad;
    for (int i = 0; i < 8 * 24; i++)
        if (!(fabs((double)once[i] - (double)(first[i] + second[i])) <= 1e-6))
            fail_msg("entry %d: %g, not %g + %g", i, (double)once[i], (double)first[i], (double)second[i]);
    assert_int_equal(loop.network->model.depth, 4);
    fixture_close(&loop);
    fixture_close(&stack);
}

// ---- dropout

static const char *const dropping[] = {
    "{ name: transformer, d_model: 16, heads: 2, dropout: 0.2 }",
    "{ name: psm-softmax, d_model: 16, heads: 2, chunk: 2, dropout: 0.2, shared: always }",
    "{ name: hybrid, d_model: 16, stack: [gru, { mixer: attention, window: 4 }], dropout: 0.2 }",
};

// NumPy: PCG64DXSM(SeedSequence([seed, 4, step, draw, part])).random_raw() as 16-bit words, low one first, each below
// round((1 − rate)·65536).
static void masks_are_addressed(void **state)
{
    static const struct { uint64_t seed, step; int64_t draw, part; double rate; const char *kept; } known[] = {
        { 0x1, 0, 0, 0, 0.1, "111111111111011111101111" },
        { 0x3, 250, 4, 2, 0.5, "011111100100100001100111" },
        { 0x7, 3, 1, 1000, 0.3, "000110110101111011101011" },
        { 0x123456789ab, 5000000000, 11, 0, 0.6, "001001000101111100011001" },
    };
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(known); i++) {
        graph g = { .step = a };
        real m[24];
        nn_dropout_key(&g, known[i].seed, known[i].step);
        mask drawn = mask_start(g.key, known[i].draw, known[i].part, known[i].rate);
        mask_draw(&drawn, 24, m);
        for (int k = 0; k < 24; k++) {
            const double expected = known[i].kept[k] == '1' ? 65536 / round((1 - known[i].rate) * 65536) : 0;
            if (!(fabs((double)m[k] - expected) <= 1e-6))
                fail_msg("mask %zu, element %d: %g, not %g", i, k, (double)m[k], expected);
        }
    }
    arena_free(a);
}

static void the_rate_is_kept(void **state)
{
    enum { N = 200000 };
    static const double rates[] = { 0.05, 0.1, 0.5, 0.9 };
    arena *a = arena_new();
    team *one = team_new(1);
    for (size_t i = 0; i < LEN(rates); i++) {
        graph g = { .step = a, .team = one, .backend = CPU };
        nn_dropout_key(&g, 5, 6);
        tensor *x = tensor_real(a, N);
        for (int k = 0; k < N; k++)
            tensor_data(x)[k] = 1;
        const real *y = tensor_data(nn_dropout(&g, x, rates[i]));
        double zeros = 0, sum = 0;
        for (int k = 0; k < N; k++) {
            zeros += y[k] == 0;
            sum += (double)y[k];
        }
        const double deviation = sqrt(rates[i] * (1 - rates[i]) / N);           // five of them
        assert_true(fabs(zeros / N - rates[i]) < 5 * deviation);
        assert_true(fabs(sum / N - 1) < 5 * deviation / (1 - rates[i]));
        g.key = NULL;
        assert_ptr_equal(nn_dropout(&g, x, rates[i]), x);
    }
    team_free(one);
    arena_free(a);
}

// GPT-2's places: the embedding; in each block the attention's probabilities and what each branch adds.
static void dropout_is_where_gpt2_has_it(void **state)
{
    static const struct { const char *entry; int draws; } known[] = {
        { "{ name: transformer, d_model: 8, heads: 2, layers: 3, dropout: 0.1 }", 1 + 3 * 3 },
        { "{ name: transformer, d_model: 8, heads: 2, layers: 1, loop: 2, mlp: swiglu, dropout: 0.1 }", 1 + 2 * 3 },
        { "{ name: lstm, d_model: 8, layers: 2, dropout: 0.1 }", 1 + 2 * 1 },
        { "{ name: psm-softmax, d_model: 8, heads: 2, agg_layers: 2, inf_layers: 3, dropout: 0.1 }", 1 + 2 * 3 + 3 * 3 },
        { "{ name: transformer, d_model: 8, heads: 2 }", 0 },
    };
    for (size_t i = 0; i < LEN(known); i++) {
        fixture f = fixture_open(known[i].entry, V, V);
        graph g = { .step = f.step, .team = f.team, .backend = CPU };
        tensor *tokens = tensor_index(f.step, 1, 3);                    // PSM: three chunks, Agg once
        memset(tokens->data, 0, 3 * sizeof(int));
        nn_dropout_key(&g, 1, 2);
        fixture_fill(&f, 1, 0.2);
        network_forward(f.network, &g, tokens);
        assert_int_equal(g.draws, known[i].draws);
        fixture_close(&f);
    }
}

// Another step, another loss; the same step, the same one; without a key what the model without dropout gives.
static void dropout_is_of_the_step_and_of_training_only(void **state)
{
    enum { T = 11 };
    for (size_t i = 0; i < LEN(dropping); i++) {
        fixture f = fixture_open(dropping[i], V, V);
        const char *cut = strstr(dropping[i], ", dropout: 0.2");
        const char *without = arena_text(f.life, "%.*s%s", (int)(cut - dropping[i]), dropping[i], cut + strlen(", dropout: 0.2"));
        fixture plain = fixture_open(without, V, V);
        fixture_fill(&f, 3, 0.3);
        fixture_fill(&plain, 3, 0.3);
        const int *tokens = fixture_tokens(&f, 1, B * T, V), *targets = fixture_tokens(&f, 2, B * T, V);
        double loss[4];
        for (int k = 0; k < 4; k++) {
            f.dropout_step = (int64_t[]){ 7, 8, 7, -1 }[k];
            loss[k] = fixture_loss(&f, tokens, targets, B, T, true);
        }
        assert_true(loss[0] != loss[1] && loss[0] == loss[2] && loss[0] != loss[3]);
        assert_true(loss[3] == fixture_loss(&plain, tokens, targets, B, T, true));
        assert_true(equal_bits(fixture_forward(&f, tokens, B, T), fixture_forward(&plain, tokens, B, T), B * T * f.D));
        fixture_close(&f);
        fixture_close(&plain);
    }
}

// Steps from … to of training, by any number of threads.
static void train(fixture *f, int from, int to, int threads)
{
    enum { T = 23 };
    param_object o = {0};
    const yaml *y = yaml_parse("{ name: adamw, lr: 3.0e-3, weight_decay: 0.01 }", "optimizer", f->life, f->faults);
    assert_true(y && param_read_object(&optimizer_family, &o, y, f->life, f->faults));
    const struct optimizer *opt = (const struct optimizer *)o.type;
    const double rate = opt->rate(o.options);
    team_free(f->team);
    f->team = team_new(threads);
    for (int step = from; step < to; step++) {
        const int *tokens = fixture_tokens(f, 100 + (uint64_t)step, B * T, V);
        const int *targets = fixture_tokens(f, 200 + (uint64_t)step, B * T, V);
        f->dropout_step = step;
        fixture_loss(f, tokens, targets, B, T, true);
        opt->update(o.options, &f->network->model, f->team, &rate, &(int64_t){ step + 1 });
    }
}

// Five steps at once, and three, then two of a second network that knows the weights and moments alone, by other threads.
static void resuming_and_threads_are_invisible(void **state)
{
    for (size_t i = 0; i < LEN(dropping); i++) {
        fixture whole = fixture_open(dropping[i], V, V), early = fixture_open(dropping[i], V, V);
        fixture late = fixture_open(dropping[i], V, V);
        network_init(whole.network, 4);
        network_init(early.network, 4);
        train(&whole, 0, 5, 1);
        train(&early, 0, 3, 3);
        model *from = &early.network->model, *to = &late.network->model;
        const size_t bytes = (size_t)from->size * sizeof(real);
        memcpy(to->data, from->data, bytes);
        memcpy(to->moment[0], from->moment[0], bytes);
        memcpy(to->moment[1], from->moment[1], bytes);
        train(&late, 3, 5, 7);
        if (!equal_bits(whole.network->model.data, to->data, to->size))
            fail_msg("%s: resuming or threads change bits", dropping[i]);
        fixture_close(&whole);
        fixture_close(&early);
        fixture_close(&late);
    }
}

// ---- states, widths, defaults

static int64_t held_after(fixture *f, int T)
{
    stream s;
    const arena_mark start = arena_save(f->memory);
    real *y = arena_take(f->life, (size_t)f->D * sizeof *y);
    stream_begin(&s, f->network, 1, f->memory, f->step, f->team);
    for (int t = 0; t < T; t++)
        stream_step(&s, f->network, &(int){ t % V }, y);
    const int64_t used = (int64_t)arena_used(f->memory);
    arena_restore(f->memory, start);
    return used;
}

// Within what lists and unused rows of a cache may cost; a window, a recurrent state stay what they are.
static void states_are_as_large_as_theory_says(void **state)
{
    static const char *const entries[] = {
        "{ name: transformer, d_model: 16, layers: 1, heads: 2, window: 48 }",
        "{ name: transformer, d_model: 16, heads: 2, short_conv: 4 }",
        "{ name: lstm, d_model: 16, loop: 3 }", "{ name: gru, d_model: 16, short_conv: 4 }",
        "{ name: hybrid, d_model: 16, stack: [{ mixer: attention, window: 5 }, gru], loop: 2 }",
    };
    static const int lengths[] = { 1, 64, 1024 };
    for (size_t i = 0; i < LEN(entries); i++) {
        fixture f = fixture_open(entries[i], V, V);
        for (size_t k = 0; k < LEN(lengths); k++) {
            const int64_t theory = f.network->architecture->state_bytes(f.network->options, lengths[k]);
            const int64_t held = held_after(&f, lengths[k]), spare = 64 * 2 * 16 * 2 * (int64_t)sizeof(real) + 512;
            const bool fixed = lengths[k] == 1024 && !strstr(entries[i], "heads: 2, short_conv");
            if (!(held >= theory && held <= theory + (fixed ? 640 : spare)))
                fail_msg("%s, %d tokens: %lld bytes of state, by theory %lld", entries[i], lengths[k], (long long)held,
                         (long long)theory);
        }
        fixture_close(&f);
    }
}

static void swiglu_is_as_wide_as_flas(void **state)
{
    static const int widths[][2] = { { 64, 256 }, { 96, 256 }, { 97, 512 }, { 128, 512 }, { 192, 512 }, { 256, 768 },
                                     { 768, 2048 } };
    for (size_t i = 0; i < LEN(widths); i++)
        assert_int_equal(mlp_auto_width(MLP_SWIGLU, widths[i][0]), widths[i][1]);
    fixture f = fixture_open("{ name: transformer, d_model: 16, mlp: swiglu }", V, V);
    const weight *gate = model_find(&f.network->model, "layers.1.mlp.gate.weight");
    assert_non_null(gate);
    assert_int_equal(gate->tensor.dim[1], 256);
    assert_null(model_find(&f.network->model, "layers.1.mlp.up.bias"));
    fixture_close(&f);
}

// Stds by kind leave the rest as the architecture's own preset has it.
static void auto_is_the_architectures_preset(void **state)
{
    static const struct { const char *entry; int preset; } known[] = {
        { "{ name: psm-softmax, d_model: 8, init: { matrices: 0.06 } }", INIT_PSM },
        { "{ name: transformer, d_model: 8, init: { matrices: 0.06 } }", INIT_GPT2 },
        { "{ name: psm-softmax, d_model: 8, init: { preset: zoology, matrices: 0.06 } }", INIT_ZOOLOGY },
        { "{ name: lstm, d_model: 8, init: { embedding: 0.2 } }", INIT_MAMBA },
    };
    for (size_t i = 0; i < LEN(known); i++) {
        fixture f = fixture_open(known[i].entry, V, V);
        assert_int_equal(f.network->init.preset, known[i].preset);
        fixture_close(&f);
    }
}

static void lstm_starts_as_pytorch_does(void **state)
{
    fixture f = fixture_open("{ name: lstm, d_model: 64 }", V, V);
    network_init(f.network, 1);
    static const char *const names[] = { "input.weight", "input.bias", "recurrent.weight", "recurrent.bias" };
    for (size_t i = 0; i < LEN(names); i++) {
        const tensor *w = &model_find(&f.network->model, arena_text(f.life, "layers.0.mixer.%s", names[i]))->tensor;
        double most = 0;
        for (int64_t k = 0; k < tensor_size(w); k++)
            most = fmax(most, fabs((double)tensor_data(w)[k]));
        assert_true(most > 0.11 && most <= 0.125);                              // U(±1/√64)
    }
    fixture_close(&f);
}

// In a hybrid each mixer gets the convolution but those that have their own.
static void a_hybrid_convolves_once(void **state)
{
    fixture f = fixture_open("{ name: hybrid, d_model: 8, stack: [mamba, lstm], short_conv: 4 }", V, V);
    assert_null(model_find(&f.network->model, "layers.0.short_conv.weight"));
    const weight *taps = model_find(&f.network->model, "layers.1.short_conv.weight");
    assert_non_null(taps);
    assert_int_equal(taps->tensor.dim[0], 8);
    assert_int_equal(taps->tensor.dim[1], 4);
    assert_non_null(model_find(&f.network->model, "layers.1.short_conv.bias"));
    fixture_close(&f);
}

static void rejected(const char *entry, const char *message) { refused(entry, V, V, 1, message); }

static void what_does_not_fit_is_said(void **state)
{
    rejected("{ name: transformer, d_model: 12, heads: 4, positions: rope }", "rope turns pairs, but a head is 3 wide");
    rejected("{ name: lstm, d_model: 12, positions: rope }", "positions: rope act in attention, of which there is none");
    rejected("{ name: hybrid, d_model: 12, stack: [gru, lstm], positions: alibi }", "positions: alibi act in attention");
    rejected("{ name: transformer, d_model: 12, short_conv: 9 }", "outside [0, 8]");
    rejected("{ name: mamba, d_model: 12, short_conv: 4 }", "short_conv: mamba has a convolution of its own");
    rejected("{ name: transformer, d_model: 12, dropout: 1 }", "outside [0, 0.99]");
    rejected("{ name: transformer, d_model: 12, loop: 0 }", "outside [1, 256]");
    rejected("{ name: transformer, d_model: 12, window: -1 }", "window");
}

// Scores of thousands, whose powers of e no number holds: whole and token by token the same, and finite.
static void scores_of_any_size(void **state)
{
    enum { T = 12 };
    fixture f = fixture_open("{ name: transformer, d_model: 8, heads: 2, layers: 1 }", V, V);
    fixture_fill(&f, 1, 10);
    const int *tokens = fixture_tokens(&f, 2, B * T, V);
    real steps[B * T * 8];
    const real *whole = fixture_forward(&f, tokens, B, T);
    fixture_stream(&f, tokens, B, T, T, steps);
    for (int64_t i = 0; i < B * T * f.D; i++)
        if (!(fabs((double)whole[i] - (double)steps[i]) <= step_tolerance * fmax(1, fabs((double)whole[i]))))
            fail_msg("entry %lld: %g and %g", (long long)i, (double)whole[i], (double)steps[i]);
    fixture_close(&f);
}

int main(void)
{
    fixture_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_as_wide_as_it_says),
        cmocka_unit_test(scores_of_any_size),
        cmocka_unit_test(slopes_are_the_published_ones),
        cmocka_unit_test(relative_positions_do_not_care_where),
        cmocka_unit_test(a_loop_is_a_stack_with_shared_weights),
        cmocka_unit_test(masks_are_addressed),
        cmocka_unit_test(the_rate_is_kept),
        cmocka_unit_test(dropout_is_where_gpt2_has_it),
        cmocka_unit_test(dropout_is_of_the_step_and_of_training_only),
        cmocka_unit_test(resuming_and_threads_are_invisible),
        cmocka_unit_test(states_are_as_large_as_theory_says),
        cmocka_unit_test(swiglu_is_as_wide_as_flas),
        cmocka_unit_test(auto_is_the_architectures_preset),
        cmocka_unit_test(lstm_starts_as_pytorch_does),
        cmocka_unit_test(a_hybrid_convolves_once),
        cmocka_unit_test(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
