// Architectures that have no file of their own: the backbone with one mixer and its published block, and hybrid. Their
// option tables are the backbone's, with the block's defaults, followed by the mixer's; made once, at first use.
#include "architectures/backbone.h"
#include <string.h>

enum { BACKBONE_VERSION = 1 };
static const char *const position_words[] = { "none", "learned", "rope", "alibi", NULL };

#define FIELD(name, type, field, initial, lo, hi, of, help) \
    { name, type, offsetof(backbone_options, field), initial, lo, hi, of, help, 0 }
static const param backbone_params[] = {
    COMMON_PARAMS(backbone_options, "gpt2"),
    FIELD("layers",     PARAM_INT,    layers,          "2",     1, 256,     0, "blocks"),
    FIELD("norm",       PARAM_CHOICE, block.norm,      "layer", 0, 0,       block_norm_words, "before mixer, MLP and head"),
    FIELD("norm_eps",   PARAM_REAL,   block.norm_eps,  "1e-5",  0, 1,       0, "added to the variance"),
    FIELD("mlp",        PARAM_CHOICE, block.mlp,       "gelu",  0, 0,       mlp_words, "behind each mixer"),
    FIELD("mlp_width",  PARAM_INT,    block.mlp_width, "auto",  1, 1 << 20, 0,
          "inner width; auto: 4·d_model, for swiglu 8/3·d_model to the next 256"),
    FIELD("positions",  PARAM_CHOICE, block.positions, "none",  0, 0,       position_words,
          "learned: added to the embedding; rope, alibi: in attention"),
    FIELD("max_length", PARAM_INT,    max_length,      "1024",  1, 1 << 24, 0, "rows of learned positions, tokens"),
    FIELD("rope_base",  PARAM_REAL,   block.rope_base, "10000", 1, 1e9,     0,
          "rope: pair i of a head turns by base^(-2i/width) a token"),
    FIELD("short_conv", PARAM_INT,    block.short_conv, "0",    0, 8,       0,
          "width of a causal convolution, then SiLU, before each mixer; usual: 4"),
    FIELD("residual",   PARAM_BOOL,   block.residual,  "true",  0, 0,       0,
          "add to the stream; false: replace it, a bare stack"),
    FIELD("loop",       PARAM_INT,    loop,            "1",     1, 256,     0, "times the stack is run, with the same weights"),
    FIELD("dropout",    PARAM_REAL,   block.dropout,   "0",     0, 0.99,    0,
          "of embedding, attention probabilities, branches, in training"),
};

// rope and alibi need a mixer that heeds them, rope an even width of its heads.
static void check_positions(const mixer *one, const backbone_options *o, mark at, diag *d)
{
    const char *word = position_words[o->block.positions];
    bool heeded = false;
    if (o->block.positions != POSITIONS_ROPE && o->block.positions != POSITIONS_ALIBI)
        return;
    for (int i = 0; i < (one ? 1 : o->stack.n); i++) {
        const backbone_use use = backbone_layer(one, o, i);
        const int width = use.mixer->head_width ? use.mixer->head_width(use.options, o->common.d_model) : 0;
        heeded |= width > 0;
        if (o->block.positions == POSITIONS_ROPE && width % 2)
            diag_error(d, at, "positions: rope turns pairs, but a head is %d wide; write another number of heads", width);
    }
    if (!heeded)
        diag_error(d, at, "positions: %s act in attention, of which there is none; write positions: none or learned", word);
}

// Common to all: `one` is the only mixer, or NULL for hybrid.
static bool derived_check(const mixer *one, const void *options, mark at, diag *d)
{
    const backbone_options *o = options;
    const int before = diag_errors(d);
    if (one && one->check)
        one->check((const char *)options + MIXER_OPTIONS, at, d);
    for (int i = 0; o->common.d_model > 0 && i < (one ? 1 : o->stack.n); i++) {
        const backbone_use use = backbone_layer(one, options, i);
        if (use.mixer->fits)
            use.mixer->fits(use.options, o->common.d_model, at, d);
    }
    if (o->common.d_model > 0 && diag_errors(d) == before)
        check_positions(one, o, at, d);
    if (one && one->convolves && o->block.short_conv > 0)
        diag_error(d, at, "short_conv: %s has a convolution of its own; write short_conv: 0", one->name);
    return diag_errors(d) == before;
}

static bool derived_fits(const void *options, int64_t tokens, mark at, diag *d)
{
    const backbone_options *o = options;
    if (o->block.positions != POSITIONS_LEARNED || tokens <= o->max_length)
        return true;
    diag_error(d, at, "learned positions reach max_length: %d, but %lld tokens are asked for; write max_length: %lld, "
               "or other positions", o->max_length, (long long)tokens, (long long)tokens);
    return false;
}

static int derived_versions(const mixer *one, const void *options, const object **used, int room)
{
    int n = 0;
    for (int i = 0; i < (one ? 1 : backbone_layers(one, options)); i++) {
        const object *m = &backbone_layer(one, options, i).mixer->object;
        bool known = false;
        for (int k = 0; k < n; k++)
            known |= used[k] == m;
        if (!known && n < room)
            used[n++] = m;
    }
    return n;
}

static int64_t derived_state_bytes(const mixer *one, const void *options, int64_t tokens)
{
    const backbone_options *o = options;
    int64_t bytes = 0;
    for (int i = 0; i < backbone_layers(one, options); i++) {
        const backbone_use use = backbone_layer(one, options, i);
        bytes += block_state_bytes(&o->block, use.mixer, use.options, o->common.d_model, tokens);
    }
    return o->loop * bytes;
}

// An object's functions see its options, not itself: three functions for each place in the list of derived architectures.
static const mixer *mixer_of[16];
#define PLACES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define FUNCTIONS(i) \
    static bool check_##i(const void *o, mark at, diag *d) { return derived_check(mixer_of[i], o, at, d); } \
    static int versions_##i(const void *o, const object **used, int room) \
    { \
        return derived_versions(mixer_of[i], o, used, room); \
    } \
    static int64_t state_bytes_##i(const void *o, int64_t tokens) { return derived_state_bytes(mixer_of[i], o, tokens); }
#define ROW(i) { check_##i, versions_##i, state_bytes_##i },
PLACES(FUNCTIONS)
static const struct {
    bool (*check)(const void *, mark, diag *);
    int  (*versions)(const void *, const object **, int);
    int64_t (*state_bytes)(const void *, int64_t);
} functions[] = { PLACES(ROW) };

// The block's text gives other defaults to the backbone's options.
static void table_apply_block(param *table, int n, const mixer *m, arena *a)
{
    diag *d = diag_new();
    const yaml *text = yaml_parse(m->block, m->name, a, d);
    CHECK(text && text->kind == YAML_MAP, "the block of mixer %s is no map", m->name);
    for (int i = 0; i < text->n; i++) {
        int k = 0;
        while (k < n && strcmp(table[k].name, text->key[i]->text) != 0)
            k++;
        CHECK(k < n, "the block of mixer %s: the backbone has no option %s", m->name, text->key[i]->text);
        table[k].initial = text->item[i]->kind == YAML_SCALAR ? text->item[i]->text : yaml_flow(text->item[i], a);
    }
    diag_free(d);
}

static const param *table_of_mixer(const mixer *m, arena *a)
{
    const int n = LEN(backbone_params);
    int own = 0;
    while (m->options && m->options[own].name)
        own++;
    param *table = arena_zero(a, (size_t)(n + own + 1) * sizeof *table);
    memcpy(table, backbone_params, sizeof backbone_params);
    table_apply_block(table, n, m, a);
    for (int i = 0; i < own; i++) {
        table[n + i] = m->options[i];
        table[n + i].offset += MIXER_OPTIONS;
        for (int k = 0; k < n; k++)
            CHECK(strcmp(table[k].name, m->options[i].name) != 0, "mixer %s has the backbone's %s", m->name, table[k].name);
    }
    return table;
}

static const param *table_of_hybrid(arena *a)
{
    const int n = LEN(backbone_params);
    param *table = arena_zero(a, (size_t)(n + 1) * sizeof *table), *element = arena_zero(a, sizeof *element);
    *element = (param){ "mixer", PARAM_OBJECT, 0, NULL, 0, 0, mixer_family(), "a mixer with its options", 0 };
    memcpy(table, backbone_params, sizeof backbone_params);
    for (int i = 0; i < n; i++)
        if (strcmp(table[i].name, "layers") == 0)
            table[i] = (param)FIELD("stack", PARAM_LIST, stack, NULL, 1, 256, element, "the blocks' mixers in order");
    return table;
}

static architecture *derive(const mixer *one, int place, arena *a)
{
    architecture *made = arena_zero(a, sizeof *made);
    *made = (architecture){
        .version = BACKBONE_VERSION, .check = functions[place].check, .mixer = one, .fits = derived_fits,
        .build = backbone_build, .forward = backbone_forward, .begin = backbone_begin, .step = backbone_step,
        .versions = functions[place].versions, .state_bytes = functions[place].state_bytes,
    };
    if (one) {
        made->name = one->architecture, made->source = one->source, made->summary = one->summary;
        made->options = table_of_mixer(one, a), made->options_size = MIXER_OPTIONS + one->options_size;
    } else {
        made->name = "hybrid", made->source = "scanbench", made->summary = "any mixers in one stack";
        made->options = table_of_hybrid(a), made->options_size = sizeof(backbone_options);
    }
    mixer_of[place] = one;
    return made;
}

int backbone_architectures(const object **list, int room, arena *a)
{
    int n = 0;
    for (int i = 0; i <= mixer_list_length; i++) {
        const mixer *one = i < mixer_list_length ? mixer_list[i] : NULL;
        if (one && !one->architecture)
            continue;
        CHECK(n < room && n < (int)LEN(functions), "more than %d derived architectures", n);
        list[n] = &derive(one, n, a)->object;
        n++;
    }
    return n;
}
