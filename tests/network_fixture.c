#include "tests/network_fixture.h"
#include <string.h>
#include "nn/cpu.h"
#include "nn/gemm.h"

#ifdef REAL_DOUBLE
const double step_tolerance = 1e-10;
#else
const double step_tolerance = 1e-4;
#endif

void fixture_start(void)
{
    gemm_start();
    cpu_use(cpu_best());
}

fixture fixture_try(const char *entry, int inputs, int outputs, int64_t tokens)
{
    fixture f = { arena_new(), arena_new(), arena_new(), team_new(1), NULL, 0, -1, diag_new() };
    const yaml *y = yaml_parse(entry, "entry", f.life, f.faults);
    param_object description = {0};
    if (!y || !param_read_object(architecture_family(), &description, y, f.life, f.faults)
        || !network_fits(&description, inputs, outputs, tokens, f.faults))
        return f;
    f.network = network_open(&description, inputs, outputs, f.life);
    f.D = ((const common_options *)description.options)->d_model;
    return f;
}

fixture fixture_open(const char *entry, int inputs, int outputs)
{
    const fixture f = fixture_try(entry, inputs, outputs, 1);
    if (!f.network)
        diag_print(f.faults, stderr);
    CHECK(f.network, "rejected: %s", entry);
    return f;
}

void fixture_close(fixture *f)
{
    arena_free(f->life);
    arena_free(f->step);
    arena_free(f->memory);
    team_free(f->team);
    diag_free(f->faults);
}

void fixture_fill(fixture *f, uint64_t seed, double scale)
{
    rng r = rng_start((const uint64_t[]){ seed, RNG_TESTS }, 2);
    model *m = &f->network->model;
    for (int i = 0; i < m->n; i++)
        for (int64_t k = 0; k < tensor_size(&m->weight[i].tensor); k++)
            tensor_data(&m->weight[i].tensor)[k] = (real)(scale * rng_normal(&r) + (strstr(m->weight[i].name, "gain") != NULL));
}

int *fixture_tokens(fixture *f, uint64_t seed, int n, int below)
{
    rng r = rng_start((const uint64_t[]){ seed, RNG_TESTS, 1 }, 3);
    int *tokens = arena_take(f->life, (size_t)n * sizeof *tokens);
    for (int i = 0; i < n; i++)
        tokens[i] = (int)rng_below(&r, (uint64_t)below);
    return tokens;
}

static tensor *index_of(fixture *f, const int *from, int B, int T)
{
    tensor *index = tensor_index(f->step, B, T);
    memcpy(tensor_ints(index), from, (size_t)B * (size_t)T * sizeof(int));
    return index;
}

real *fixture_forward(fixture *f, const int *tokens, int B, int T)
{
    const size_t bytes = (size_t)B * (size_t)T * (size_t)f->D * sizeof(real);
    real *hidden = arena_take(f->life, bytes);
    const arena_mark start = arena_save(f->step);
    graph g = { .step = f->step, .team = f->team, .backend = CPU };
    memcpy(hidden, tensor_data(network_forward(f->network, &g, index_of(f, tokens, B, T))), bytes);
    arena_restore(f->step, start);
    return hidden;
}

void fixture_stream(fixture *f, const int *tokens, int B, int T, int stride, real *hidden)
{
    const arena_mark start = arena_save(f->memory);
    stream s;
    int now[16];
    real *y = arena_take(f->step, (size_t)B * (size_t)f->D * sizeof(real));
    CHECK(B <= (int)LEN(now), "%d sequences", B);
    stream_begin(&s, f->network, B, f->memory, f->step, f->team);
    for (int t = 0; t < T; t++) {
        for (int b = 0; b < B; b++)
            now[b] = tokens[b * stride + t];
        stream_step(&s, f->network, now, y);
        for (int b = 0; b < B; b++)
            memcpy(hidden + ((size_t)b * (size_t)T + (size_t)t) * (size_t)f->D, y + b * f->D, (size_t)f->D * sizeof(real));
    }
    arena_restore(f->memory, start);
}

double fixture_loss(fixture *f, const int *tokens, const int *targets, int B, int T, bool back)
{
    const network *n = f->network;
    const arena_mark start = arena_save(f->step);
    graph g = { .step = f->step, .team = f->team, .backend = CPU, .record = back };
    if (f->dropout_step >= 0)
        nn_dropout_key(&g, 1, (uint64_t)f->dropout_step);
    tensor *h = network_forward(n, &g, index_of(f, tokens, B, T));
    h = tensor_reshape(f->step, h, (int64_t)B * T, f->D);
    tensor *target = index_of(f, targets, B, T);
    const head_loss l = nn_head_loss(&g, h, n->head, n->head_bias, tensor_reshape(f->step, target, (int64_t)B * T));
    if (back) {
        model_clear_grad(&f->network->model);
        graph_backward(&g, l.loss);
    }
    const double loss = (double)tensor_data(l.loss)[0];
    arena_restore(f->step, start);
    return loss;
}
