// Initialisations: five published ones and that of the PSM authors' code, which is no initialisation at all but PyTorch's
// constructors (embeddings N(0, 1), a head U(±1/√d), outputs not rescaled). Each kind of weight has its law.
#include <math.h>
#include <string.h>
#include "nn/model.h"

typedef enum { ZERO, ONE, NORMAL, UNIFORM } law_kind;
typedef enum { PLAIN, PER_ROOT_DEPTH,       // /√depth: depth is the number of residual branches, 2·layers with an MLP
               SMALL,                       // N(0, √(2/(5·inputs))), Nguyen & Salazar 2019
               WANG } law_scale;            // N(0, 2/(branches·√d)), GPT-J's output layers
// NORMAL: std `size`. UNIFORM: ±size/√fan_in.
typedef struct law { law_kind kind; double size; law_scale scale; } law;

#define N(...) { NORMAL, __VA_ARGS__ }
#define U(...) { UNIFORM, __VA_ARGS__ }
static const law laws[][WEIGHT_KINDS] = {
    //                 matrix        residual                 embedding     position      state    head          convolution
    [INIT_GPT2]    = { N(0.02),      N(0.02, PER_ROOT_DEPTH), N(0.02),      N(0.02),      N(0.02), N(0.02),      U(1) },
    [INIT_MAMBA]   = { U(1),         U(1, PER_ROOT_DEPTH),    N(0.02),      N(0.02),      N(0.02), N(0.02),      U(1) },
    [INIT_FLA]     = { N(0.02),      N(0.02),                 N(0.02),      N(0.02),      N(0.02), N(0.02),      N(0.02) },
    [INIT_XLSTM]   = { N(1, SMALL),  N(1, WANG),              N(1, SMALL),  N(1, SMALL),  N(0.02), N(1, SMALL),  U(1) },
    [INIT_ZOOLOGY] = { N(0.02),      N(0.02, PER_ROOT_DEPTH), N(0.02),      N(0.02),      N(0.02), N(0.02),      U(1) },
    [INIT_PSM]     = { N(0.02),      N(0.02),                 N(1),         N(1),         N(0.2),  U(1),         U(1) },
};
#undef N
#undef U

static const char *const presets[] = { "gpt2", "mamba", "fla", "xlstm", "zoology", "psm", NULL };

const param init_params[] = {
    CHOICE(init_options, preset,      "auto", presets,
           "whose initialisation where nothing else is said; auto: the architecture's"),
    REAL  (init_options, matrices,    "auto", 0, 100,    "std of linear maps; residual and head follow, unscaled"),
    REAL  (init_options, residual,    "auto", 0, 100,    "std of linear maps that add to the residual stream"),
    REAL  (init_options, embedding,   "auto", 0, 100,    "std of the token embedding; positions follow"),
    REAL  (init_options, positions,   "auto", 0, 100,    "std of learned positions"),
    REAL  (init_options, states,      "auto", 0, 100,    "std of learned states: identity, segment"),
    REAL  (init_options, head,        "auto", 0, 100,    "std of the head"),
    REAL  (init_options, convolution, "auto", 0, 100,    "std of depthwise convolutions"),
    {0}
};

// The first std given of the kind's own and the one it follows; AUTO_REAL (a NaN): none.
static double given_std(const init_options *o, weight_kind kind)
{
    const double own[WEIGHT_KINDS][2] = {
        [WEIGHT_MATRIX]    = { o->matrices,  o->matrices },  [WEIGHT_RESIDUAL]    = { o->residual,    o->matrices },
        [WEIGHT_EMBEDDING] = { o->embedding, o->embedding }, [WEIGHT_POSITION]    = { o->positions,   o->embedding },
        [WEIGHT_STATE]     = { o->states,    o->states },    [WEIGHT_HEAD]        = { o->head,        o->matrices },
        [WEIGHT_BIAS]      = { AUTO_REAL,    AUTO_REAL },    [WEIGHT_CONVOLUTION] = { o->convolution, o->convolution },
        [WEIGHT_GAIN]      = { AUTO_REAL,    AUTO_REAL },
    };
    return isnan(own[kind][0]) ? own[kind][1] : own[kind][0];
}

static double size_of(const law *l, const weight *w, int depth)
{
    const double inputs = w->fan_in, branches = depth > 0 ? depth : 1;
    const double d = (double)tensor_columns(&w->tensor);
    const double scale[] = { [PLAIN] = 1, [PER_ROOT_DEPTH] = 1 / sqrt(branches), [SMALL] = sqrt(2 / (5 * inputs)),
                             [WANG] = 2 / (branches * sqrt(d)) };
    return l->size * scale[l->scale] * (l->kind == UNIFORM ? 1 / sqrt(inputs) : 1);
}

static void fill(tensor *x, law_kind kind, double size, rng *random)
{
    real *p = x->data;
    for (int64_t i = 0; i < tensor_size(x); i++)
        p[i] = (real)(kind == NORMAL    ? size * rng_normal(random)
                      : kind == UNIFORM ? size * (2 * rng_unit(random) - 1)
                                        : kind == ONE);
}

void model_init(model *m, const init_options *o, uint64_t seed)
{
    for (int i = 0; i < m->n; i++) {
        weight *w = &m->weight[i];
        const uint64_t address[] = { seed, RNG_WEIGHTS, hash_bytes(w->name, strlen(w->name), 0) };
        rng random = rng_start(address, LEN(address));
        CHECK(o->preset != AUTO_INT, "a preset must be chosen");
        const law *l = &laws[o->preset][w->kind];
        const double std = given_std(o, w->kind);
        if (w->fill)
            w->fill(&w->tensor, &random);
        else if (!isnan(std))
            fill(&w->tensor, NORMAL, std, &random);
        else if (w->kind == WEIGHT_GAIN || w->kind == WEIGHT_BIAS)
            fill(&w->tensor, w->kind == WEIGHT_GAIN ? ONE : ZERO, 0, &random);
        else
            fill(&w->tensor, l->kind, size_of(l, w, m->depth), &random);
    }
}
