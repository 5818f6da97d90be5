#include "architectures/architecture.h"
#include <string.h>
#include "architectures/backbone.h"

static const char *const preset_words[] = {
    [INIT_GPT2] = "gpt2", [INIT_MAMBA] = "mamba", [INIT_FLA] = "fla", [INIT_XLSTM] = "xlstm", [INIT_ZOOLOGY] = "zoology",
    [INIT_PSM] = "psm", NULL
};
enum { INIT_PRESET, INIT_STDS };
const param init_alternatives[] = {
    [INIT_PRESET] = { "preset", PARAM_CHOICE, 0, "gpt2", 0, 0, preset_words, "a published initialisation", 0 },
    [INIT_STDS] = { "stds", PARAM_SECTION, 0, "{}", sizeof(init_options), 0, init_params,
                    "a preset with stds of one's own by kind of weight", 0 },
    {0}
};

const object_family *architecture_family(void)
{
    static const object *entries[64];
    static object_family family = { .what = "architecture", .entries = entries };
    static arena *forever;
    if (!forever) {
        forever = arena_new();
        const int own = architecture_list_length;
        for (int i = 0; i < own; i++)
            entries[i] = &architecture_list[i]->object;
        family.n = own + backbone_architectures(entries + own, (int)LEN(entries) - own, forever);
    }
    return &family;
}

bool network_fits(const param_object *description, int inputs, int outputs, int64_t tokens, diag *d)
{
    const architecture *a = (const architecture *)description->type;
    const common_options *common = description->options;
    bool fits = true;
    if (common->tie && inputs != outputs) {
        diag_error(d, description->at, "tie: true needs equal vocabularies, but the task reads %d symbols and answers with %d; "
                   "write tie: false", inputs, outputs);
        fits = false;
    }
    return (!a->fits || a->fits(description->options, tokens, description->at, d)) && fits;
}

// The preset that an architecture's option table names: what `preset: auto` stands for.
static int own_preset(const architecture *a)
{
    const param *p = a->options;
    while (strcmp(p->name, "init") != 0)
        p++;
    int preset = 0;
    while (strcmp(preset_words[preset], p->initial) != 0)
        preset++;
    return preset;
}

static init_options read_init(const architecture *a, const common_options *common, arena *life)
{
    init_options init = {0};
    if (common->init.which == INIT_STDS)
        init = *(const init_options *)common->init.value;
    else {
        param_defaults(init_params, &init, life);                       // every std as the preset has it
        init.preset = *(const int *)common->init.value;
    }
    if (init.preset == AUTO_INT)
        init.preset = own_preset(a);
    return init;
}

network *network_open(const param_object *description, int inputs, int outputs, arena *life)
{
    network *n = arena_zero(life, sizeof *n);
    const common_options *common = description->options;
    const int64_t D = common->d_model;
    CHECK(!common->tie || inputs == outputs, "tied, but %d and %d symbols", inputs, outputs);
    n->architecture = (const architecture *)description->type;
    n->options = description->options;
    n->inputs = inputs, n->outputs = outputs;
    n->init = read_init(n->architecture, common, life);
    model_open(&n->model, life);
    n->embedding = model_weight(&n->model, "embed.tokens", 2, (const int64_t[]){ inputs, D }, WEIGHT_EMBEDDING);
    n->architecture->build(n);
    n->head = common->tie ? n->embedding
                          : model_weight(&n->model, "head.weight", 2, (const int64_t[]){ outputs, D }, WEIGHT_HEAD);
    if (common->head_bias)
        n->head_bias = model_weight(&n->model, "head.bias", 1, (const int64_t[]){ outputs }, WEIGHT_BIAS);
    model_close(&n->model);
    return n;
}

void network_init(network *n, uint64_t seed) { model_init(&n->model, &n->init, seed); }

tensor *network_forward(const network *n, graph *g, tensor *tokens) { return n->architecture->forward(n, g, tokens); }

void network_stage(network *n, int stage, int stages, bool begins)
{
    CHECK(stage >= 0 && stage < stages, "stage %d of %d", stage, stages);
    if (n->architecture->stage)
        n->architecture->stage(n, stage, stages, begins);
}

void network_embed_step(const network *n, int B, const int *tokens, const tensor *positions, int64_t position, real *x)
{
    const int64_t D = n->embedding->dim[1];
    const real *row = positions ? tensor_data(positions) + position % positions->dim[0] * D : NULL;
    for (int b = 0; b < B; b++) {
        CHECK(tokens[b] >= 0 && tokens[b] < n->inputs, "token %d of %d", tokens[b], n->inputs);
        for (int64_t i = 0; i < D; i++)
            x[b * D + i] = tensor_data(n->embedding)[tokens[b] * D + i] + (row ? row[i] : 0);
    }
}

void stream_begin(stream *s, const network *n, int B, arena *memory, arena *work, const team *t)
{
    *s = (stream){ .B = B, .memory = memory, .work = work, .team = t };
    n->architecture->begin(n, s);
}

void stream_step(stream *s, const network *n, const int *tokens, real *hidden)
{
    const arena_mark start = arena_save(s->work);
    n->architecture->step(n, s, tokens, hidden);
    arena_restore(s->work, start);
    s->position++;
}
