#include "architectures/recurrent.h"

static void fill_uniform(tensor *b, rng *r, int gates)                          // U(±1/√D), PyTorch's
{
    const double most = 1 / sqrt((double)(tensor_size(b) / gates));
    for (int64_t i = 0; i < tensor_size(b); i++)
        tensor_data(b)[i] = (real)(most * (2 * rng_unit(r) - 1));
}
static void fill_of_3(tensor *b, rng *r) { fill_uniform(b, r, 3); }
static void fill_of_4(tensor *b, rng *r) { fill_uniform(b, r, 4); }

static tensor *bias(model *m, const layer *l, const char *name, int gates)
{
    const int64_t size = (int64_t)gates * l->D;
    return model_weight_own(m, arena_text(m->life, "%s.%s", l->prefix, name), 1, &size, NO_DECAY,
                            gates == 3 ? fill_of_3 : fill_of_4);
}

void recurrent_build(model *m, layer *l, int gates)
{
    const int64_t D = l->D;
    l->weight = arena_take(m->life, 4 * sizeof *l->weight);
    l->weight[RECURRENT_INPUT]      = layer_weight(m, l, "input.weight", WEIGHT_MATRIX, D, gates * D);
    l->weight[RECURRENT_INPUT_BIAS] = bias(m, l, "input.bias", gates);
    l->weight[RECURRENT_STATE]      = layer_weight(m, l, "recurrent.weight", WEIGHT_MATRIX, D, gates * D);
    l->weight[RECURRENT_STATE_BIAS] = bias(m, l, "recurrent.bias", gates);
}

tensor *recurrent_inputs(const layer *l, graph *g, tensor *x, int gates)
{
    return nn_linear(g, x, l->weight[RECURRENT_INPUT], l->weight[RECURRENT_INPUT_BIAS], 0, (int64_t)gates * l->D);
}

void recurrent_products(const layer *l, stream *s, const real *x, const real *h, int gates, real *a, real *r)
{
    layer_linear_step(s, x, l->weight[RECURRENT_INPUT], l->weight[RECURRENT_INPUT_BIAS], 0, (int64_t)gates * l->D, a);
    layer_linear_step(s, h, l->weight[RECURRENT_STATE], l->weight[RECURRENT_STATE_BIAS], 0, (int64_t)gates * l->D, r);
}
