#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "nn/ops.h"

typedef struct fixture { arena *step, *life; team *one; graph g; } fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *f = (fixture){ .step = arena_new(), .life = arena_new(), .one = team_new(1) };
    f->g = (graph){ .step = f->step, .team = f->one, .backend = REFERENCE, .record = true };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    arena_free(f->step);
    arena_free(f->life);
    team_free(f->one);
    free(f);
    return 0;
}

// A leaf with a gradient that adds up until cleared, as a weight's does.
static tensor *leaf(arena *a, int rank, const int64_t *dim, real value)
{
    tensor *x = tensor_new(a, REAL_TENSOR, rank, dim);
    x->grad = arena_zero(a, sizeof(real) * (size_t)tensor_size(x));
    x->reached = true;
    for (int64_t i = 0; i < tensor_size(x); i++)
        tensor_data(x)[i] = value + (real)i;
    return x;
}

static void assert_reals(const real *x, int n, const real *expected)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)(x[i] - expected[i])) <= 1e-6 * (1 + fabs((double)expected[i]))))
            fail_msg("entry %d is %g, not %g", i, (double)x[i], (double)expected[i]);
}

static void test_shapes_and_views(void **state)
{
    fixture *f = *state;
    tensor *x = tensor_real(f->step, 2, 3, 4);
    assert_int_equal(x->rank, 3);
    assert_int_equal(tensor_size(x), 24);
    assert_int_equal(tensor_rows(x), 6);
    assert_int_equal(tensor_columns(x), 4);
    assert_int_equal(x->dim[4], 1);
    tensor *v = tensor_reshape(f->step, x, 4, 6);
    assert_ptr_equal(v->data, x->data);
    assert_false(tensor_reach(tensor_reshape(f->step, v, 24)));     // a view of a view reaches the tensor itself
    assert_true(tensor_reach(x));
    assert_true(tensor_reach(v));
}

// loss = Σ (x + x): the linear map of ones makes one number of it.
static tensor *total(graph *g, tensor *x)
{
    tensor *flat = tensor_reshape(g->step, x, 1, tensor_size(x));
    tensor *ones = tensor_real(g->step, tensor_size(x), 1);
    for (int64_t i = 0; i < tensor_size(x); i++)
        tensor_data(ones)[i] = 1;
    return nn_linear(g, flat, ones, NULL, 0, 1);
}

static void test_gradients_add_over_uses(void **state)
{
    fixture *f = *state;
    tensor *w = leaf(f->life, 2, (int64_t[]){2, 2}, 1);
    tensor *y = nn_add(&f->g, w, w);                                // 2w
    tensor *z = nn_add(&f->g, y, nn_add(&f->g, y, w));              // 5w; y is used twice
    tensor *loss = total(&f->g, z);
    assert_reals(loss->data, 1, (real[]){ 5 * (1 + 2 + 3 + 4) });
    graph_backward(&f->g, loss);
    assert_reals(w->grad, 4, (real[]){ 5, 5, 5, 5 });
    assert_int_equal(f->g.length, 0);
    graph_backward(&f->g, total(&f->g, w));                         // a weight's gradient adds up over batches
    assert_reals(w->grad, 4, (real[]){ 6, 6, 6, 6 });
}

static void test_views_share_their_gradient(void **state)
{
    fixture *f = *state;
    tensor *w = leaf(f->life, 2, (int64_t[]){2, 3}, 0);
    tensor *y = nn_add(&f->g, w, w);
    memset(y->grad, 0x7f, sizeof(real) * 6);                        // whatever lay there: backward clears it, once
    tensor *a = total(&f->g, y), *b = total(&f->g, tensor_reshape(f->step, y, 3, 2));
    graph_backward(&f->g, nn_add(&f->g, a, b));
    assert_reals(w->grad, 6, (real[]){ 4, 4, 4, 4, 4, 4 });
}

static void test_what_the_loss_does_not_need(void **state)
{
    fixture *f = *state;
    tensor *w = leaf(f->life, 2, (int64_t[]){1, 2}, 1), *unused = leaf(f->life, 2, (int64_t[]){1, 2}, 1);
    tensor *constant = tensor_real(f->step, 1, 2);
    memset(constant->data, 0, 2 * sizeof(real));
    nn_gelu(&f->g, unused);                                         // on the tape, but not on the way to the loss
    assert_null(nn_add(&f->g, constant, constant)->grad);           // depends on no weight
    assert_int_equal(f->g.length, 1);
    tensor *sum, *gain = leaf(f->life, 1, (int64_t[]){2}, 1);
    tensor *y = nn_add_norm(&f->g, (norm_options){ NORM_RMS, 1e-5 }, w, constant, gain, NULL, &sum);
    memset(y->grad, 0x7f, sizeof(real) * 2);                        // an output that nobody uses counts as zeros
    graph_backward(&f->g, total(&f->g, sum));
    assert_reals(w->grad, 2, (real[]){ 1, 1 });
    assert_reals(gain->grad, 2, (real[]){ 0, 0 });
    assert_reals(unused->grad, 2, (real[]){ 0, 0 });
}

static void test_evaluation_records_nothing(void **state)
{
    fixture *f = *state;
    tensor *w = leaf(f->life, 2, (int64_t[]){4, 4}, 1);
    f->g.record = false;
    const size_t before = arena_used(f->step);
    const tensor *y = nn_gelu(&f->g, w);
    assert_null(y->grad);
    assert_int_equal(f->g.length, 0);
    assert_true(arena_used(f->step) - before < 1024);
    assert_reals(y->data, 1, (real[]){ (real)0.8411919906 });       // GELU(1)
}

static void test_equal_steps_use_equal_addresses(void **state)
{
    fixture *f = *state;
    tensor *w = leaf(f->life, 2, (int64_t[]){30, 40}, 1);
    const arena_mark start = arena_save(f->step);
    const void *first = NULL;
    for (int step = 0; step < 3; step++) {
        tensor *y = w;
        for (int i = 0; i < 300; i++)                               // the tape grows on the way
            y = nn_add(&f->g, y, w);
        tensor *loss = total(&f->g, y);
        graph_backward(&f->g, loss);
        assert_true(first == NULL || first == loss->data);
        first = loss->data;
        arena_restore(f->step, start);
    }
    assert_reals(w->grad, 1, (real[]){ 3 * 301 });
}

static void test_timing_counts_calls(void **state)
{
    fixture *f = *state;
    graph_timing *timing = calloc((size_t)op_list_length, sizeof *timing);
    f->g.timing = timing;
    tensor *w = leaf(f->life, 2, (int64_t[]){3, 4}, 1);
    graph_backward(&f->g, total(&f->g, w));
    for (int i = 0; i < op_list_length; i++) {
        const bool used = strcmp(op_list[i]->name, "linear") == 0;
        assert_int_equal(timing[i].calls, used);
        assert_true(timing[i].flops == (used ? 24 : 0));
    }
    free(timing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shapes_and_views, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gradients_add_over_uses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_views_share_their_gradient, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_loss_does_not_need, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_evaluation_records_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_steps_use_equal_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timing_counts_calls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
