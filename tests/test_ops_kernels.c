// Every op with a fast kernel, every case, at every instruction level that this processor has, against REFERENCE: forward and
// backward, as the first contribution to a gradient and as a later one, at ordinary and at extreme inputs; and the same
// bits for any number of threads.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "nn/cpu.h"
#include "nn/gemm.h"
#include "tests/op_cases.h"

// Scales of the inputs, and what the tolerance is multiplied by: exponents of 80² = 6400 are themselves rounded to 5e-4.
static const double scales[][2] = { {1, 1}, {0, 1}, {80, 100}, {1e-10, 1} };

typedef struct outcome { int n, outputs; tensor *out[MAX_OUTPUTS]; tensor **in; } outcome;

// The gradients of outputs: random, or, where only another output is used, undefined (NaN) if the kernel looks at that.
static void fill_output_gradients(node *n, backend b, int only)
{
    const uint64_t address[] = { 11, RNG_TESTS };
    rng random = rng_start(address, LEN(address));
    for (int k = 0; k < n->op->outputs; k++) {
        tensor *y = n->out[k];
        if (!y || !y->grad)
            continue;
        fill_random(y->grad, tensor_size(y), 1, &random);
        y->reached = only < 0 || only == k;
        for (int64_t i = 0; !y->reached && i < tensor_size(y); i++)
            y->grad[i] = n->op->first[b] ? NAN : 0;
    }
}

// The gradients of the inputs are undefined (NaN) and must be set; hold 0.25 already; or the one, the other, in turn.
typedef enum { FIRST, ADDED, MIXED, HISTORIES } history;
static bool is_later(history h, int input) { return h == ADDED || (h == MIXED && input % 2 == 0); }

// Runs a case. `only`: the output that is used; −1: all are.
static outcome run(const op *o, int which, double scale, backend b, const team *t, history h, int only, arena *a)
{
    graph g = { .step = a, .team = t, .backend = b, .record = true };
    const op_case *c = &o->cases[which];
    outcome r = { case_inputs(o, c), o->outputs, {0}, case_tensors(a, o, c, scale, (uint64_t)which) };
    for (int i = 0; i < r.n; i++)
        for (int64_t k = 0; r.in[i] && r.in[i]->grad && k < tensor_size(r.in[i]); k++)
            r.in[i]->grad[k] = is_later(h, i) ? 0.25f : o->first[b] ? NAN : 0;
    for (int i = 0; i < r.n; i++)
        if (r.in[i])
            r.in[i]->reached = is_later(h, i) || !o->first[b];
    node *n = graph_apply(&g, o, o->cases[which].options, r.in, r.n);
    for (int k = 0; k < o->outputs; k++)
        r.out[k] = n->out[k];
    fill_output_gradients(n, b, only);
    (o->backward[b] ? o->backward[b] : o->backward[REFERENCE])(n, t);
    return r;
}

static const real *values_of(const tensor *x, bool gradient) { return gradient ? x->grad : x->data; }

// Relative to the tensor's largest entry, or to 1 where all are smaller (sums of numbers of size 1 cancel).
static void compare(const tensor *fast, const tensor *slow, bool gradient, double tolerance, const char *what)
{
    const real *a = values_of(fast, gradient), *b = values_of(slow, gradient);
    double most = 1;
    for (int64_t i = 0; i < tensor_size(slow); i++)
        most = fmax(most, fabs((double)b[i]));
    for (int64_t i = 0; i < tensor_size(slow); i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance * most) && !(isinf(b[i]) && a[i] == b[i]))
            fail_msg("%s, entry %lld: %.9g, reference %.9g", what, (long long)i, (double)a[i], (double)b[i]);
}

static void compare_outcomes(const outcome *fast, const outcome *slow, double tolerance, const char *where)
{
    char what[240];
    for (int k = 0; k < fast->outputs; k++) {
        snprintf(what, sizeof what, "%s, output %d", where, k);
        if (slow->out[k] && slow->out[k]->type == REAL_TENSOR)
            compare(fast->out[k], slow->out[k], false, tolerance, what);
        else if (slow->out[k] &&
                 memcmp(fast->out[k]->data, slow->out[k]->data, sizeof(int) * (size_t)tensor_size(slow->out[k])) != 0)
            fail_msg("%s differs", what);
    }
    for (int i = 0; i < fast->n; i++) {
        snprintf(what, sizeof what, "%s, gradient of input %d", where, i);
        if (slow->in[i] && slow->in[i]->grad)
            compare(fast->in[i], slow->in[i], true, tolerance, what);
    }
}

static void check_once(const op *o, int which, size_t s, history h, int only, arena *a, const team *t)
{
    const arena_mark start = arena_save(a);
    char where[160];
    snprintf(where, sizeof where, "%s at %s, case %d, scale %g, %s, of output %d", o->name, cpu_level_names[cpu_current()], which,
             scales[s][0], (const char *[]){ "first", "added", "mixed" }[h], only);
    const outcome slow = run(o, which, scales[s][0], REFERENCE, t, h, only, a);
    const outcome fast = run(o, which, scales[s][0], CPU, t, h, only, a);
    if (only < 0 || (slow.out[only] && slow.out[only]->grad))
        compare_outcomes(&fast, &slow, scales[s][1] * (o->tolerance > 0 ? o->tolerance : 1e-5), where);
    arena_restore(a, start);
}

static void check_case(const op *o, int which, arena *a, const team *t)
{
    for (size_t s = 0; s < LEN(scales); s++)
        for (history h = FIRST; h < HISTORIES; h++)
            for (int only = -1; only < (o->outputs > 1 ? o->outputs : 0); only++)
                check_once(o, which, s, h, only, a, t);
}

static bool is_fast(const op *o) { return o->forward[CPU] || o->backward[CPU]; }

static void test_against_reference(void **state)
{
    arena *a = arena_new();
    team *t = team_new(2);
    for (cpu_level level = 0; level < LEVELS; level++) {
        if (!cpu_supports(level))
            continue;
        cpu_use(level);
        for (int i = 0; i < op_list_length; i++)
            for (int c = 0; is_fast(op_list[i]) && c < op_list[i]->n_cases; c++)
                check_case(op_list[i], c, a, t);
    }
    team_free(t);
    arena_free(a);
}

static bool same_bits(const tensor *x, const tensor *y)
{
    if (!x)
        return true;
    const size_t bytes = sizeof(float) * (size_t)tensor_size(x);         // int is as large
    return memcmp(x->data, y->data, bytes) == 0 && (!x->grad || memcmp(x->grad, y->grad, bytes) == 0);
}

static void check_threads(const op *o, int which, arena *a, team *const *teams, int n)
{
    const arena_mark start = arena_save(a);
    const outcome one = run(o, which, 1, CPU, teams[0], ADDED, -1, a);
    for (int k = 1; k < n; k++) {
        const outcome many = run(o, which, 1, CPU, teams[k], ADDED, -1, a);
        bool same = true;
        for (int i = 0; i < one.outputs; i++)
            same &= same_bits(one.out[i], many.out[i]);
        for (int i = 0; i < one.n; i++)
            same &= same_bits(one.in[i], many.in[i]);
        if (!same)
            fail_msg("%s at %s, case %d: other bits with %d threads", o->name, cpu_level_names[cpu_current()], which,
                     team_threads(teams[k]));
    }
    arena_restore(a, start);
}

static void test_threads(void **state)
{
    arena *a = arena_new();
    team *teams[] = { team_new(1), team_new(2), team_new(3), team_new(7) };
    for (cpu_level level = 0; level < LEVELS; level++) {
        if (!cpu_supports(level))
            continue;
        cpu_use(level);
        for (int i = 0; i < op_list_length; i++)
            for (int c = 0; c < op_list[i]->n_cases; c++)
                check_threads(op_list[i], c, a, teams, LEN(teams));
    }
    for (size_t i = 0; i < LEN(teams); i++)
        team_free(teams[i]);
    arena_free(a);
}

int main(void)
{
    gemm_start();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_reference), cmocka_unit_test(test_threads) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
