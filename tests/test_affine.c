// Mamba and GLA as prefix scans of their (E, f) pairs: the fused kernel of `forward`, the static scan, the binary counter and
// `step` are one function; their initial values and the bytes of their state are what is published.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "architectures/affine.h"
#include "architectures/backbone.h"
#include "tests/refused.h"

enum { V = 7, B = 2, LONGEST = 70 };

static const char *const entries[] = {
    "{ name: mamba, d_model: 12, layers: 1 }",
    "{ name: mamba, d_model: 20, layers: 1, state: 5, expand: 1, conv: 3, eigenvalues: [-1, 1] }",
    "{ name: mamba, d_model: 9, layers: 1, state: 1, conv: 1, dt_rank: 4 }",
    "{ name: gla, d_model: 12, layers: 1, heads: 3 }",
    "{ name: gla, d_model: 16, layers: 1, heads: 2, expand_k: 1, expand_v: 1.5 }",
    "{ name: gla, d_model: 10, layers: 1, heads: 5, decay_divisor: 0.02 }",
};

// The first layer of a backbone, from its weights.
static layer first_layer(fixture *f)
{
    const network *n = f->network;
    const backbone_use use = backbone_layer(n->architecture->mixer, n->options, 0);
    model *m = arena_zero(f->life, sizeof *m);
    layer l = { .mixer = use.mixer, .options = use.options, .prefix = "layers.0.mixer", .D = f->D };
    model_open(m, f->life);
    l.mixer->build(m, &l);
    model_close(m);
    for (int i = 0; i < m->n; i++) {
        const weight *w = model_find(&n->model, m->weight[i].name);
        memcpy(m->weight[i].tensor.data, w->tensor.data, sizeof(real) * (size_t)tensor_size(&w->tensor));
    }
    return l;
}

static void compare(const char *entry, int T, const char *what, const tensor *a, const tensor *b)
{
    double most = 0;
    for (int64_t i = 0; i < tensor_size(a); i++)
        most = fmax(most, fabs((double)tensor_data(a)[i]));
    for (int64_t i = 0; i < tensor_size(a); i++)
        if (!(fabs((double)tensor_data(a)[i] - (double)tensor_data(b)[i]) <= step_tolerance * most))
            fail_msg("%s, length %d, %s, entry %lld: %g, not %g", entry, T, what, (long long)i, (double)tensor_data(b)[i],
                     (double)tensor_data(a)[i]);
}

static tensor *by_steps(const layer *l, fixture *f, const tensor *x)
{
    const int64_t T = x->dim[1], D = x->dim[2];
    stream s = { .B = B, .memory = f->memory, .work = arena_new(), .team = f->team };
    tensor *y = tensor_real(f->step, B, T, D);
    real *in = arena_take(f->step, (size_t)(B * D) * sizeof *in), *out = arena_take(f->step, (size_t)(B * D) * sizeof *out);
    void *state = l->mixer->begin(l, &s);
    for (s.position = 0; s.position < T; s.position++) {
        for (int64_t b = 0; b < B; b++)
            memcpy(in + b * D, tensor_data(x) + (b * T + s.position) * D, (size_t)D * sizeof *in);
        l->mixer->step(l, &s, state, in, out);
        for (int64_t b = 0; b < B; b++)
            memcpy(tensor_data(y) + (b * T + s.position) * D, out + b * D, (size_t)D * sizeof *out);
    }
    arena_free(s.work);
    return y;
}

static void four_ways(const char *entry)
{
    fixture f = fixture_open(entry, V, V);
    fixture_fill(&f, 1, 0.4);
    const layer l = first_layer(&f);
    for (int T = 1; T <= LONGEST; T += T < 20 ? 1 : 17) {
        const arena_mark start = arena_save(f.step);
        graph g = { .step = f.step, .team = f.team, .backend = CPU };
        rng r = rng_start((const uint64_t[]){ (uint64_t)T, RNG_TESTS }, 2);
        tensor *x = tensor_real(f.step, B, T, f.D);
        for (int64_t i = 0; i < tensor_size(x); i++)
            tensor_data(x)[i] = (real)rng_normal(&r);
        const tensor *fused = l.mixer->forward(&l, &g, x);
        const tensor *fixed = affine_forward(&l, &g, x, AFFINE_STATIC), *counted = affine_forward(&l, &g, x, AFFINE_COUNTER);
        compare(entry, T, "static scan", fused, fixed);
        compare(entry, T, "steps", fused, by_steps(&l, &f, x));
        if (memcmp(fixed->data, counted->data, sizeof(real) * (size_t)tensor_size(fixed)) != 0)
            fail_msg("%s, length %d: the counter gives other bits than the static scan", entry, T);
        arena_restore(f.step, start);
    }
    fixture_close(&f);
}

static void kernel_scan_counter_and_steps_are_one(void **state)
{
    for (size_t i = 0; i < LEN(entries); i++)
        four_ways(entries[i]);
}

static void state_is_what_theory_says(void **state)
{
    for (size_t i = 0; i < LEN(entries); i++)
        for (int T = 0; T <= 64; T += 32) {
            fixture f = fixture_open(entries[i], V, V);
            stream s;
            real y[64];
            const mixer *m = f.network->architecture->mixer;
            const size_t theory = (size_t)m->state_bytes(backbone_layer(m, f.network->options, 0).options, f.D, T);
            stream_begin(&s, f.network, 1, f.memory, f.step, f.team);
            for (int t = 0; t < T; t++)
                stream_step(&s, f.network, &(int){ t % V }, y);
            const size_t bytes = arena_used(f.memory);
            if (!(bytes >= theory && bytes <= theory + 256))
                fail_msg("%s, %d tokens: %zu bytes of state, by theory %zu", entries[i], T, bytes, theory);
            fixture_close(&f);
        }
}

static const weight *find(const fixture *f, const char *name)
{
    const weight *w = model_find(&f->network->model, name);
    assert_non_null(w);
    return w;
}

static void in_range(const weight *w, double low, double high)
{
    double least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < tensor_size(&w->tensor); i++) {
        least = fmin(least, (double)tensor_data(&w->tensor)[i]);
        most = fmax(most, (double)tensor_data(&w->tensor)[i]);
    }
    const double margin = 0.15 * (high - low);                  // hundreds of draws come near both ends
    if (!(least >= low - 1e-6 && most <= high + 1e-6 && least <= low + margin && most >= high - margin))
        fail_msg("%s lies in [%g, %g], not [%g, %g]", w->name, least, most, low, high);
}

static void mamba_starts_as_published(void **state)
{
    fixture f = fixture_open("{ name: mamba, d_model: 128, layers: 2 }", V, V);
    network_init(f.network, 5);
    const weight *A_log = find(&f, "layers.1.mixer.A_log"), *D = find(&f, "layers.1.mixer.D");
    const weight *bias = find(&f, "layers.1.mixer.dt.bias");
    for (int i = 0; i < 256 * 16; i++)
        assert_true(fabs((double)tensor_data(&A_log->tensor)[i] - log(i % 16 + 1)) < 1e-6);
    for (int i = 0; i < 256; i++)
        assert_true(tensor_data(&D->tensor)[i] == 1);
    in_range(find(&f, "layers.1.mixer.dt.weight"), -1 / sqrt(8), 1 / sqrt(8));
    in_range(find(&f, "layers.1.mixer.conv.weight"), -0.5, 0.5);
    in_range(find(&f, "layers.1.mixer.conv.bias"), -0.5, 0.5);
    in_range(find(&f, "layers.1.mixer.in.weight"), -1 / sqrt(128), 1 / sqrt(128));
    in_range(find(&f, "layers.1.mixer.out.weight"), -1 / sqrt(256) / sqrt(2), 1 / sqrt(256) / sqrt(2));
    in_range(bias, log(expm1(1e-3)), log(expm1(1e-1)));
    assert_int_equal(A_log->decay, NO_DECAY);
    assert_int_equal(D->decay, NO_DECAY);
    assert_int_equal(bias->decay, NO_DECAY);
    assert_int_equal(find(&f, "layers.1.mixer.conv.bias")->decay, NO_DECAY);
    assert_int_equal(find(&f, "layers.1.mixer.dt.weight")->decay, DECAY);
    assert_int_equal(find(&f, "layers.1.mixer.select.weight")->tensor.dim[1], 8 + 32);
    fixture_close(&f);
}

static void rejected(const char *entry, const char *message) { refused(entry, V, V, 1, message); }

static void what_does_not_fit_is_said(void **state)
{
    rejected("{ name: mamba, d_model: 8, eigenvalues: [0, 0.5] }", "eigenvalues are [0, 1] or [-1, 1]");
    rejected("{ name: mamba, d_model: 8, eigenvalues: [1] }", "eigenvalues are [0, 1] or [-1, 1]");
    rejected("{ name: gla, d_model: 10, heads: 4 }", "heads: 4 does not divide the widths of keys and values, 5 and 10");
    rejected("{ name: gla, d_model: 4, heads: 1, expand_k: 0.1 }",
             "heads: 1 does not divide the widths of keys and values, 0 and 4");
    rejected("{ name: gla, d_model: 1024, heads: 1 }", "a head's state would be 512 × 1024");
}

int main(void)
{
    fixture_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_scan_counter_and_steps_are_one), cmocka_unit_test(state_is_what_theory_says),
        cmocka_unit_test(mamba_starts_as_published), cmocka_unit_test(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
