// Every committed file of the Python oracle (tests/oracle): its weights and tokens in, hidden vectors, logits, loss and all
// gradients out, also token by token. Double to 1e-9, float to 1e-4 of the tensor's largest entry.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/safetensors.h"
#include "nn/cpu.h"
#include "harness/fixture.h"

#ifdef REAL_DOUBLE
static const double tolerance = 1e-9;
#else
static const double tolerance = 1e-4;
#endif

static const named_array *need(const safetensors *s, const char *name)
{
    const named_array *a = safetensors_find(s, name);
    if (!a)
        fail_msg("no %s", name);
    return a;
}

static void same(const char *file, const char *what, const real *ours, const named_array *theirs)
{
    const double *t = theirs->data;
    double largest = 0;
    assert_int_equal(theirs->type, ARRAY_F64);
    for (int64_t i = 0; i < array_count(theirs); i++)
        largest = fmax(largest, fabs(t[i]));
    for (int64_t i = 0; i < array_count(theirs); i++)
        if (!(fabs((double)ours[i] - t[i]) <= tolerance * fmax(largest, 1e-3)))
            fail_msg("%s, %s[%lld]: %.12g, not %.12g", file, what, (long long)i, (double)ours[i], t[i]);
}

static void take_weights(fixture *f, const safetensors *s)
{
    model *m = &f->network->model;
    int given = 0;
    for (int i = 0; i < s->n; i++)
        given += strncmp(s->array[i].name, "weight.", 7) == 0;
    assert_int_equal(given, m->n);
    for (int i = 0; i < m->n; i++) {
        const tensor *w = &m->weight[i].tensor;
        const named_array *a = need(s, arena_text(f->life, "weight.%s", m->weight[i].name));
        assert_int_equal(a->rank, w->rank);
        for (int k = 0; k < w->rank; k++)
            assert_int_equal(a->dim[k], w->dim[k]);
        for (int64_t k = 0; k < tensor_size(w); k++)
            tensor_data(w)[k] = (real)((const double *)a->data)[k];
    }
}

static void check_file(const char *file, const safetensors *s, const char *entry)
{
    fixture f = fixture_open(entry, atoi(safetensors_metadata(s, "input")), atoi(safetensors_metadata(s, "output")));
    const named_array *tokens = need(s, "tokens");
    const int *targets = need(s, "targets")->data, B = (int)tokens->dim[0], T = (int)tokens->dim[1];
    take_weights(&f, s);

    real *hidden = fixture_forward(&f, tokens->data, B, T);
    same(file, "hidden", hidden, need(s, "hidden"));
    graph g = { .step = f.step, .team = f.team, .backend = CPU };
    tensor *h = tensor_real(f.step, (int64_t)B * T, f.D);
    memcpy(h->data, hidden, (size_t)tensor_size(h) * sizeof(real));
    same(file, "logits", tensor_data(nn_logits(&g, h, f.network->head, f.network->head_bias)), need(s, "logits"));
    fixture_stream(&f, tokens->data, B, T, T, hidden);
    same(file, "hidden by steps", hidden, need(s, "hidden"));

    const real loss = (real)fixture_loss(&f, tokens->data, targets, B, T, true);
    same(file, "loss", &loss, need(s, "loss"));
    const model *m = &f.network->model;
    for (int i = 0; i < m->n; i++) {
        const char *name = arena_text(f.life, "grad.%s", m->weight[i].name);
        same(file, name, m->weight[i].tensor.grad, need(s, name));
    }
    fixture_close(&f);
}

static void check_folder(void)
{
    DIR *folder = opendir(TEST_DATA);
    int files = 0;
    assert_non_null(folder);
    for (const struct dirent *e; (e = readdir(folder)); ) {
        if (!strstr(e->d_name, ".safetensors"))
            continue;
        arena *a = arena_new();
        safetensors s;
        error err = {{0}};
        if (!safetensors_read(arena_text(a, "%s/%s", TEST_DATA, e->d_name), &s, a, &err))
            fail_msg("%s", err.text);
        const char *entry = safetensors_metadata(&s, "model");
        if (entry) {
            check_file(e->d_name, &s, entry);
            files++;
        }
        arena_free(a);
    }
    closedir(folder);
    assert_in_range(files, 10, 1000);
}

static void all_vectors_at_every_level(void **state)
{
    for (int level = 0; level < LEVELS; level++)
        if (cpu_supports((cpu_level)level)) {
            cpu_use((cpu_level)level);
            check_folder();
        }
}

int main(void)
{
    fixture_start();
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_vectors_at_every_level) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
