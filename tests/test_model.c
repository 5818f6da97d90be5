#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "nn/model.h"

static void fill_sevens(tensor *x, rng *random)
{
    for (int64_t i = 0; i < tensor_size(x); i++)
        tensor_data(x)[i] = 7;
}

// Weights of every kind, in an order of the caller's choice.
static void declare(model *m, arena *life, bool backwards)
{
    static const struct { const char *name; int rank; int64_t dim[2]; weight_kind kind; } list[] = {
        { "embed.tokens", 2, {300, 64}, WEIGHT_EMBEDDING },  { "embed.positions", 2, {50, 64}, WEIGHT_POSITION },
        { "layers.0.up", 2, {64, 256}, WEIGHT_MATRIX },      { "layers.0.down", 2, {256, 64}, WEIGHT_RESIDUAL },
        { "layers.0.gain", 1, {65}, WEIGHT_GAIN },           { "layers.0.bias", 1, {3}, WEIGHT_BIAS },
        { "layers.0.conv", 2, {512, 4}, WEIGHT_CONVOLUTION }, { "identity", 2, {64, 64}, WEIGHT_STATE },
        { "head.weight", 2, {300, 64}, WEIGHT_HEAD },
    };
    model_open(m, life);
    m->depth = 8;
    for (size_t i = 0; i < LEN(list); i++) {
        const size_t k = backwards ? LEN(list) - 1 - i : i;
        model_weight(m, list[k].name, list[k].rank, list[k].dim, list[k].kind);
    }
    model_weight_own(m, "layers.0.own", 2, (int64_t[]){2, 2}, NO_DECAY, fill_sevens);
    model_close(m);
}

static const init_options no_std = { INIT_GPT2, AUTO_REAL, AUTO_REAL, AUTO_REAL, AUTO_REAL, AUTO_REAL, AUTO_REAL, AUTO_REAL };

static void test_declared_once_and_found(void **state)
{
    arena *life = arena_new();
    model m;
    declare(&m, life, false);
    assert_int_equal(m.n, 10);
    assert_int_equal(m.parameters, 2 * 300 * 64 + 50 * 64 + 2 * 64 * 256 + 65 + 3 + 2048 + 4096 + 4);
    int64_t end = 0;
    for (int i = 0; i < m.n; i++) {
        const weight *w = &m.weight[i];
        const int64_t at = tensor_data(&w->tensor) - m.data;
        assert_true(at >= end && at % 16 == 0 && w->tensor.grad - m.grad == at && w->tensor.reached);
        end = at + tensor_size(&w->tensor);
        assert_ptr_equal(model_find(&m, w->name), w);
    }
    assert_true(end <= m.size);
    assert_null(model_find(&m, "layers.0"));
    assert_int_equal(model_find(&m, "layers.0.up")->decay, DECAY);
    assert_int_equal(model_find(&m, "layers.0.gain")->decay, NO_DECAY);
    assert_int_equal(model_find(&m, "layers.0.own")->decay, NO_DECAY);
    for (int64_t i = 0; i < m.size; i++)
        assert_true(m.data[i] == 0 && m.grad[i] == 0 && m.moment[0][i] == 0 && m.moment[1][i] == 0);
    arena_free(life);
}

// Mean and standard deviation, and the largest entry, of a weight.
static double deviation(const model *m, const char *name, double *most)
{
    const tensor *x = &model_find(m, name)->tensor;
    double square = 0, mean = 0;
    *most = 0;
    for (int64_t i = 0; i < tensor_size(x); i++) {
        const double v = (double)tensor_data(x)[i];
        mean += v / (double)tensor_size(x);
        square += v * v / (double)tensor_size(x);
        *most = fmax(*most, fabs(v));
    }
    assert_true(fabs(mean) <= 5 * sqrt(square / (double)tensor_size(x)));
    return sqrt(square);
}

static void expect(const model *m, const char *name, double std)
{
    double most;
    const double got = deviation(m, name, &most);
    if (!(fabs(got - std) <= 0.08 * std))
        fail_msg("%s has std %g, not %g", name, got, std);
}

static void expect_uniform(const model *m, const char *name, double bound)
{
    double most;
    expect(m, name, bound / sqrt(3));
    deviation(m, name, &most);
    assert_true(most <= bound && most >= 0.97 * bound);
}

static void init(model *m, init_options o, int preset)
{
    o.preset = preset;
    model_init(m, &o, 5);
}

static void test_presets(void **state)
{
    arena *life = arena_new();
    model m;
    declare(&m, life, false);
    init(&m, no_std, INIT_GPT2);
    expect(&m, "layers.0.up", 0.02);
    expect(&m, "layers.0.down", 0.02 / sqrt(8));
    expect(&m, "embed.tokens", 0.02);
    assert_true(tensor_data(&model_find(&m, "layers.0.gain")->tensor)[64] == 1);
    assert_true(tensor_data(&model_find(&m, "layers.0.bias")->tensor)[2] == 0);
    assert_true(tensor_data(&model_find(&m, "layers.0.own")->tensor)[3] == 7);
    init(&m, no_std, INIT_MAMBA);
    expect_uniform(&m, "layers.0.up", 1 / 8.0);
    expect_uniform(&m, "layers.0.down", 1 / 16.0 / sqrt(8));
    expect_uniform(&m, "layers.0.conv", 0.5);
    init(&m, no_std, INIT_FLA);
    expect(&m, "layers.0.down", 0.02);
    expect(&m, "layers.0.conv", 0.02);
    init(&m, no_std, INIT_XLSTM);
    expect(&m, "layers.0.up", sqrt(2 / (5 * 64.0)));
    expect(&m, "embed.tokens", sqrt(2 / (5 * 64.0)));
    expect(&m, "layers.0.down", 2 / (8 * sqrt(64)));
    init(&m, no_std, INIT_ZOOLOGY);
    expect(&m, "layers.0.down", 0.02 / sqrt(8));
    init(&m, no_std, INIT_PSM);
    expect(&m, "embed.tokens", 1);
    expect(&m, "embed.positions", 1);
    expect(&m, "layers.0.down", 0.02);
    expect(&m, "identity", 0.2);
    expect_uniform(&m, "head.weight", 1 / 8.0);
    arena_free(life);
}

static void test_stds_of_ones_own(void **state)
{
    arena *life = arena_new();
    model m;
    declare(&m, life, false);
    init_options o = no_std;
    o.matrices = 0.06;
    o.embedding = 0.3;
    init(&m, o, INIT_GPT2);
    expect(&m, "layers.0.up", 0.06);
    expect(&m, "layers.0.down", 0.06);                  // follows, unscaled
    expect(&m, "head.weight", 0.06);
    expect(&m, "embed.positions", 0.3);
    expect(&m, "identity", 0.02);
    expect_uniform(&m, "layers.0.conv", 0.5);
    o.residual = 0.01;
    o.states = 0.5;
    o.positions = 0.04;
    init(&m, o, INIT_PSM);
    expect(&m, "layers.0.down", 0.01);
    expect(&m, "identity", 0.5);
    expect(&m, "embed.positions", 0.04);
    arena_free(life);
}

static void test_a_weight_is_a_function_of_its_name(void **state)
{
    arena *life = arena_new();
    model m, n;
    declare(&m, life, false);
    declare(&n, life, true);
    model_init(&m, &no_std, 5);
    model_init(&n, &no_std, 5);
    for (int i = 0; i < m.n; i++) {
        const tensor *x = &m.weight[i].tensor, *y = &model_find(&n, m.weight[i].name)->tensor;
        assert_memory_equal(x->data, y->data, sizeof(real) * (size_t)tensor_size(x));
    }
    model_init(&n, &no_std, 6);
    const tensor *x = &model_find(&m, "layers.0.up")->tensor, *y = &model_find(&n, "layers.0.up")->tensor;
    assert_memory_not_equal(x->data, y->data, sizeof(real) * (size_t)tensor_size(x));
    arena_free(life);
}

static void test_copy(void **state)
{
    arena *life = arena_new();
    model m;
    model_open(&m, life);
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%d.weight", i < 2 ? "agg" : "inf", i % 2);
        model_weight(&m, name, 2, (int64_t[]){3, 5}, WEIGHT_MATRIX);
    }
    model_close(&m);
    for (int64_t i = 0; i < m.size; i++) {
        m.data[i] = (real)i;
        m.grad[i] = (real)(i + 1000);
        m.moment[0][i] = (real)(i + 2000);
        m.moment[1][i] = (real)(i + 3000);
    }
    model_copy(&m, "inf.", "agg.");
    for (int64_t i = 0; i < m.size; i++) {
        const int64_t from = i < 32 && i % 16 < 15 ? i + 32 : i;
        assert_true(m.data[i] == (real)from && m.grad[i] == (real)(i + 1000));
        assert_true(m.moment[0][i] == (real)(from + 2000) && m.moment[1][i] == (real)(from + 3000));
    }
    model_clear_grad(&m);
    for (int64_t i = 0; i < m.size; i++)
        assert_true(m.grad[i] == 0);
    arena_free(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_declared_once_and_found), cmocka_unit_test(test_presets), cmocka_unit_test(test_stds_of_ones_own),
        cmocka_unit_test(test_a_weight_is_a_function_of_its_name), cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
