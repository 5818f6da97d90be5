// Every op of the list, every case, in double: its backward against central differences of a random linear functional of
// its outputs; gradients add to what is there; inputs without a gradient are skipped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "tests/op_cases.h"

enum { SAMPLES = 150, SAMPLES_LEAST = 8 };          // entries tried of an input larger than that, fewer of large products

typedef struct trial {
    graph g;
    const op *o;
    const op_case *c;
    tensor **in;
    int n;
    real *functional[MAX_OUTPUTS];
    double flops;
} trial;

static node *apply(trial *t, bool back)
{
    t->g.record = back;
    return graph_apply(&t->g, t->o, t->c->options, t->in, t->n);
}

static double functional(trial *t)
{
    const arena_mark start = arena_save(t->g.step);
    const node *n = apply(t, false);
    double sum = 0;
    for (int k = 0; k < t->o->outputs; k++)
        for (int64_t i = 0; t->functional[k] && i < tensor_size(n->out[k]); i++)
            sum += (double)t->functional[k][i] * (double)tensor_data(n->out[k])[i];
    arena_restore(t->g.step, start);
    return sum;
}

static void draw_functional(trial *t)
{
    const node *n = apply(t, false);
    t->flops = t->o->flops ? t->o->flops(n) : 0;
    const uint64_t address[] = { 7, RNG_TESTS };
    rng random = rng_start(address, LEN(address));
    for (int k = 0; k < t->o->outputs; k++) {
        t->functional[k] = NULL;
        if (!n->out[k] || n->out[k]->type != REAL_TENSOR)
            continue;
        t->functional[k] = arena_take(t->g.step, sizeof(real) * (size_t)tensor_size(n->out[k]));
        fill_random(t->functional[k], tensor_size(n->out[k]), 1, &random);
    }
}

static void backward(trial *t)
{
    node *n = apply(t, true);
    for (int k = 0; k < t->o->outputs; k++)
        if (t->functional[k]) {
            memcpy(n->out[k]->grad, t->functional[k], sizeof(real) * (size_t)tensor_size(n->out[k]));
            n->out[k]->reached = true;
        }
    t->o->backward[REFERENCE](n, t->g.team);
    t->g.length = t->g.room = 0;
    t->g.tape = NULL;
}

// Derivative by x: (8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h, whose error is of order h⁴.
static double difference(trial *t, real *x)
{
    const real at = *x;
    const double h = 1e-4 * fmax(1, fabs((double)at));
    double f[4];
    const double steps[4] = { 2, 1, -1, -2 };
    for (int i = 0; i < 4; i++) {
        *x = (real)((double)at + steps[i] * h);
        f[i] = functional(t);
    }
    *x = at;
    return (8 * (f[1] - f[2]) - (f[0] - f[3])) / (12 * h);
}

static void check_input(trial *t, int i, int which)
{
    tensor *x = t->in[i];
    const int64_t size = tensor_size(x), some = t->flops > 1e8 / SAMPLES ? (int64_t)(1e8 / t->flops) : SAMPLES;
    const int64_t samples = some < SAMPLES_LEAST ? SAMPLES_LEAST : some, tried = size < samples ? size : samples;
    for (int64_t s = 0; s < tried; s++) {
        const int64_t k = size <= samples ? s : (s * 7919 + 13) % size;
        const double numeric = difference(t, tensor_data(x) + k), analytic = (double)x->grad[k] - 0.5;
        if (!(fabs(numeric - analytic) <= 1e-7 * fmax(1, fabs(analytic))))
            fail_msg("%s, case %d, input %d, entry %lld: gradient %.12g, differences %.12g", t->o->name, which, i, (long long)k,
                     analytic, numeric);
    }
}

static void set_gradients(trial *t)
{
    for (int i = 0; i < t->n; i++)
        for (int64_t k = 0; t->in[i] && t->in[i]->grad && k < tensor_size(t->in[i]); k++)
            t->in[i]->grad[k] = (real)0.5;              // what was there before: backward adds to it
}

// Without input i's gradient the others are what they were.
static void check_skipped(trial *t, int i, int which)
{
    real *saved = t->in[i]->grad;
    real *before[8] = {0};
    for (int k = 0; k < t->n; k++)
        if (t->in[k] && t->in[k]->grad) {
            before[k] = arena_take(t->g.step, sizeof(real) * (size_t)tensor_size(t->in[k]));
            memcpy(before[k], t->in[k]->grad, sizeof(real) * (size_t)tensor_size(t->in[k]));
        }
    set_gradients(t);
    t->in[i]->grad = NULL;
    bool any = false;
    for (int k = 0; k < t->n; k++)
        any |= t->in[k] && t->in[k]->grad;
    if (any)
        backward(t);
    for (int k = 0; any && k < t->n; k++)
        if (k != i && before[k] && memcmp(before[k], t->in[k]->grad, sizeof(real) * (size_t)tensor_size(t->in[k])) != 0)
            fail_msg("%s, case %d: input %d's gradient depends on input %d's being asked", t->o->name, which, k, i);
    t->in[i]->grad = saved;
    memcpy(saved, before[i], sizeof(real) * (size_t)tensor_size(t->in[i]));
}

static void check_case(const op *o, int which, arena *a, const team *one)
{
    const arena_mark start = arena_save(a);
    trial t = { .g = { .step = a, .team = one, .backend = REFERENCE }, .o = o, .c = &o->cases[which] };
    t.n = case_inputs(o, t.c);
    t.in = case_tensors(a, o, t.c, 1, (uint64_t)which);
    draw_functional(&t);
    set_gradients(&t);
    if (o->backward[REFERENCE]) {
        backward(&t);
        for (int i = 0; i < t.n; i++)
            if (t.in[i] && t.in[i]->grad) {
                check_input(&t, i, which);
                check_skipped(&t, i, which);
            }
    }
    arena_restore(a, start);
}

static void test_gradients(void **state)
{
    arena *a = arena_new();
    team *one = team_new(1);
    for (int i = 0; i < op_list_length; i++) {
        if (op_list[i]->n_cases == 0)
            fail_msg("the op %s has no cases", op_list[i]->name);
        for (int c = 0; c < op_list[i]->n_cases; c++)
            check_case(op_list[i], c, a, one);
    }
    team_free(one);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_gradients) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
