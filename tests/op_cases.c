#include "tests/op_cases.h"

int case_inputs(const op *o, const op_case *c)
{
    int n = o->inputs;
    for (n = n < 0 ? 0 : n; o->inputs < 0 && n < (int)LEN(c->in) && c->in[n][0];)
        n++;
    return n;
}

void fill_random(real *x, int64_t n, double scale, rng *random)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (real)(scale * rng_normal(random));
}

static void fill_index(int *x, int64_t n, int below, rng *random)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = below > 0 ? (int)rng_below(random, (uint64_t)below) : (int)rng_below(random, (uint64_t)(1 - below)) - 1;
}

tensor **case_tensors(arena *a, const op *o, const op_case *c, double scale, uint64_t seed)
{
    const uint64_t address[] = { seed, RNG_TESTS };
    rng random = rng_start(address, LEN(address));
    const int n = case_inputs(o, c);
    tensor **in = arena_zero(a, sizeof *in * (size_t)(n + 1));
    for (int i = 0; i < n; i++) {
        int rank = 0;
        while (rank < MAX_RANK && c->in[i][rank])
            rank++;
        if (rank == 0)
            continue;
        in[i] = tensor_new(a, c->below[i] ? INDEX_TENSOR : REAL_TENSOR, rank, c->in[i]);
        const int64_t size = tensor_size(in[i]);
        if (c->below[i])
            fill_index(in[i]->data, size, c->below[i], &random);
        else {
            fill_random(in[i]->data, size, scale * (c->scale != 0 ? c->scale : 1), &random);
            in[i]->grad = arena_zero(a, sizeof(real) * (size_t)size);
        }
    }
    return in;
}
