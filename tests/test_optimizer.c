// AdamW and the schedules against a script in NumPy (tests/oracle/optimizer.py), which gradient tests cannot see.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/safetensors.h"
#include "nn/cpu.h"
#include "nn/optimizer.h"

static const double tolerance = sizeof(real) == 4 ? 3e-6 : 1e-13;

static void *read_object(const object_family *family, const char *text, param_object *o, arena *a)
{
    diag *d = diag_new();
    const yaml *y = yaml_parse(text, "test", a, d);
    if (!y || !param_read_object(family, o, y, a, d)) {
        diag_print(d, stderr);
        fail_msg("%s", text);
    }
    diag_free(d);
    return o->options;
}

static const double *numbers(const safetensors *file, const char *name)
{
    const named_array *x = safetensors_find(file, name);
    assert_non_null(x);
    assert_int_equal(x->type, ARRAY_F64);
    return x->data;
}

static void put(const model *m, real *flat, const char *name, const double *from)
{
    const tensor *x = &model_find(m, name)->tensor;
    for (int64_t i = 0; i < tensor_size(x); i++)
        flat[tensor_data(x) - m->data + i] = (real)from[i];
}

static void compare(const model *m, const char *name, const double *right, int step)
{
    const tensor *x = &model_find(m, name)->tensor;
    for (int64_t i = 0; i < tensor_size(x); i++)
        if (!(fabs((double)tensor_data(x)[i] - right[i]) <= tolerance * fmax(1, fabs(right[i]))))
            fail_msg("%s[%lld] after step %d: %.9g, not %.9g", name, (long long)i, step, (double)tensor_data(x)[i], right[i]);
}

static const struct { const char *name; int rank; int64_t dim[2], size; } weights[] = {
    { "matrix", 2, {4, 3}, 12 }, { "vector", 1, {5}, 5 },
};

static void small_model(model *m, arena *life)
{
    model_open(m, life);
    for (size_t k = 0; k < LEN(weights); k++)
        model_weight(m, weights[k].name, weights[k].rank, weights[k].dim, k == 0 ? WEIGHT_MATRIX : WEIGHT_BIAS);
    model_close(m);
}

static void follow_the_script(void)
{
    arena *life = arena_new();
    error err = {0};
    safetensors file;
    if (!safetensors_read(TEST_DATA "/adamw.safetensors", &file, life, &err))
        fail_msg("%s", err.text);
    param_object o;
    const void *options = read_object(&optimizer_family, safetensors_metadata(&file, "optimizer"), &o, life);
    const optimizer *adamw = (const optimizer *)o.type;
    const double *lr = numbers(&file, "lr"), *norm = numbers(&file, "norm");
    team *two = team_new(2);
    model m;
    small_model(&m, life);
    for (size_t k = 0; k < LEN(weights); k++)
        put(&m, m.data, weights[k].name, numbers(&file, arena_text(life, "weight.%s", weights[k].name)));
    for (int64_t step = 1; step <= 5; step++) {
        for (size_t k = 0; k < LEN(weights); k++) {
            const double *grads = numbers(&file, arena_text(life, "grad.%s", weights[k].name));
            put(&m, m.grad, weights[k].name, grads + (step - 1) * weights[k].size);
        }
        const double got = adamw->update(options, &m, two, &lr[step - 1], &step);
        assert_true(fabs(got - norm[step - 1]) <= 1e-6 * norm[step - 1]);
        for (size_t k = 0; k < LEN(weights); k++) {
            const double *right = numbers(&file, arena_text(life, "weight.%s", weights[k].name));
            compare(&m, weights[k].name, right + step * weights[k].size, (int)step);
        }
    }
    for (int64_t i = 0; i < m.size; i++)                    // the gaps between weights
        if ((i >= 12 && i < 16) || i >= 21)
            assert_true(m.data[i] == 0 && m.moment[0][i] == 0 && m.moment[1][i] == 0);
    assert_true(adamw->rate(options) == 0.05);
    team_free(two);
    arena_free(life);
}

static void test_adamw(void **state)
{
    for (cpu_level level = 0; level < LEVELS; level++)
        if (cpu_supports(level)) {
            cpu_use(level);
            follow_the_script();
        }
}

static void test_a_gradient_that_is_not_finite_changes_nothing(void **state)
{
    arena *life = arena_new();
    param_object o;
    const void *options = read_object(&optimizer_family, "{ name: adamw, clip: 1.0 }", &o, life);
    const optimizer *adamw = (const optimizer *)o.type;
    team *one = team_new(1);
    model m;
    small_model(&m, life);
    const double rate = 0.1;
    const int64_t step = 1;
    for (int i = 0; i < 12; i++)
        m.data[i] = 3;
    static const double bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t k = 0; k < LEN(bad); k++) {
        m.grad[7] = (real)bad[k];
        assert_false(isfinite(adamw->update(options, &m, one, &rate, &step)));
        for (int i = 0; i < 12; i++)
            assert_true(m.data[i] == 3 && m.moment[0][i] == 0 && m.moment[1][i] == 0);
    }
    team_free(one);
    arena_free(life);
}

// The first step's moments are g and g² exactly: p − rate·g/(|g| + eps), a weight without a gradient stays.
static void test_a_large_eps(void **state)
{
    arena *life = arena_new();
    param_object o;
    const void *options = read_object(&optimizer_family, "{ name: adamw, eps: 0.5, weight_decay: 0 }", &o, life);
    team *one = team_new(1);
    model m;
    const double rate = 0.1;
    const int64_t step = 1;
    small_model(&m, life);
    m.grad[3] = 2;
    m.data[4] = 7;
    ((const optimizer *)o.type)->update(options, &m, one, &rate, &step);
    if (!(fabs((double)m.data[3] + 0.1 * 2 / 2.5) <= tolerance && m.data[4] == 7))
        fail_msg("%g and %g", (double)m.data[3], (double)m.data[4]);
    team_free(one);
    arena_free(life);
}

static void test_many_threads_give_the_same_bits(void **state)
{
    arena *life = arena_new();
    param_object o;
    const void *options = read_object(&optimizer_family, "{ name: adamw, clip: 0.5, weight_decay: 0.3 }", &o, life);
    const optimizer *adamw = (const optimizer *)o.type;
    model m[2];
    for (int k = 0; k < 2; k++) {
        team *t = team_new(k == 0 ? 1 : 7);
        model_open(&m[k], life);
        for (int w = 0; w < 9; w++)
            model_weight(&m[k], arena_text(life, "w%d", w), 1 + w % 2, (int64_t[]){ 100 * w + 7, 60 }, WEIGHT_MATRIX);
        model_close(&m[k]);
        const double rate = 0.1;
        for (int64_t step = 1; step < 4; step++) {
            for (int64_t i = 0; i < m[k].size; i++)
                m[k].grad[i] = (real)sin((double)(i * step));
            adamw->update(options, &m[k], t, &rate, &step);
        }
        team_free(t);
    }
    assert_memory_equal(m[0].data, m[1].data, sizeof(real) * (size_t)m[0].size);
    arena_free(life);
}

// A line: schedule warmup final steps lr : rates.
static int check_schedule(char *line, arena *a)
{
    char name[32];
    int warmup, steps, used;
    double final, lr;
    if (sscanf(line, "%31s %d %lf %d %lf : %n", name, &warmup, &final, &steps, &lr, &used) != 5)
        return 0;
    const bool has_final = strcmp(name, "constant") != 0;
    param_object o;
    const char *text = has_final ? arena_text(a, "{ name: %s, warmup: %d, final: %.17g }", name, warmup, final)
                                 : arena_text(a, "{ name: %s, warmup: %d }", name, warmup);
    const void *options = read_object(&schedule_family, text, &o, a);
    char *at = line + used;
    for (int s = 0; s < steps; s++) {
        const double right = strtod(at, &at), got = lr * ((const schedule *)o.type)->share(options, s, steps);
        if (!(fabs(got - right) <= 1e-14 * lr))
            fail_msg("%s, warmup %d, step %d of %d: %.17g, not %.17g", name, warmup, s, steps, got, right);
    }
    return 1;
}

static void test_schedules(void **state)
{
    arena *a = arena_new();
    FILE *f = fopen(TEST_DATA "/schedules.txt", "r");
    assert_non_null(f);
    int checked = 0;
    for (char line[4096]; fgets(line, sizeof line, f);)
        checked += line[0] != '#' && check_schedule(line, a);
    assert_int_equal(checked, 18);
    fclose(f);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw), cmocka_unit_test(test_a_gradient_that_is_not_finite_changes_nothing),
        cmocka_unit_test(test_a_large_eps), cmocka_unit_test(test_many_threads_give_the_same_bits),
        cmocka_unit_test(test_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
