#include "harness/weights_list.h"

#include <stdio.h>
#include <string.h>

// Sizes that tell options apart, so that a dimension can be named after those it is made of.
static const struct { const char *name; int value; } sizes[] = {
    { "d_model", 136 }, { "heads", 4 }, { "layers", 1 }, { "max_length", 53 }, { "mlp_width", 71 }, { "chunk", 5 },
    { "state", 19 }, { "dt_rank", 31 }, { "decay_rank", 23 }, { "conv", 7 },
};
enum { INPUTS = 11, OUTPUTS = 13, ASKED_FOR = 6,       // the last of an option that is 0 by default
       MOST_WEIGHTS = 256, MOST_TERMS = 40 };

typedef struct term { const char *name; int64_t value; } term;
typedef struct listing {
    const object *of;
    const yaml   *plain;                        // the defaults, with the sizes above
    term          term[MOST_TERMS];
    int           terms, n;
    const char   *seen[MOST_WEIGHTS];
    FILE         *out;
    arena        *arena;
} listing;

static const yaml *scalar(const char *text, arena *a)
{
    diag *d = diag_new();
    const yaml *y = yaml_parse(text, "sizes", a, d);
    CHECK(y, "not YAML: %s", text);
    diag_free(d);
    return y;
}

static const param *find(const param *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

static bool is_asked_for(const param *p) { return p->type == PARAM_INT && p->initial && strcmp(p->initial, "0") == 0; }

static void add_term(listing *l, const char *name, int64_t value)
{
    CHECK(l->terms < MOST_TERMS, "more than %d terms", MOST_TERMS);
    l->term[l->terms++] = (term){ name, value };
}

static void choose_sizes(listing *l)
{
    yaml *name = arena_zero(l->arena, sizeof *name);
    *name = (yaml){ .kind = YAML_SCALAR, .text = l->of->name, .quoted = true };
    l->plain = yaml_with(NULL, "name", name->at, name, l->arena);
    add_term(l, "input", INPUTS);
    add_term(l, "output", OUTPUTS);
    for (const param *p = l->of->options; p->name; p++)
        if (is_asked_for(p)) add_term(l, p->name, ASKED_FOR);
    for (size_t i = 0; i < LEN(sizes); i++) {
        const param *p = find(l->of->options, sizes[i].name);
        if (!p || p->type != PARAM_INT) continue;
        add_term(l, p->name, sizes[i].value);
        const yaml *value = scalar(arena_text(l->arena, "%d", sizes[i].value), l->arena);
        l->plain = yaml_with(l->plain, p->name, value->at, value, l->arena);
    }
}

// "3·d_model", "d_model/heads", "dt_rank + 2·state"; else the number.
static const char *dimension_text(const listing *l, int64_t n)
{
    arena *a = l->arena;
    for (int i = 0; i < l->terms; i++)
        if (l->term[i].value == n && n > 4) return l->term[i].name;
    for (int i = 0; i < l->terms; i++) {
        const term t = l->term[i];
        const bool width = strcmp(t.name, "d_model") == 0;
        if (width && n == t.value / 4) return "d_model/heads";
        if (width && 2 * n == t.value) return "d_model/2";
        for (int k = 2; k <= 8 && (width || strcmp(t.name, "chunk") == 0); k++)
            if (n == k * t.value) return arena_text(a, "%d·%s", k, t.name);
    }
    for (int i = 0; i < l->terms; i++)
        for (int j = 0; j < l->terms; j++)
            if (i != j && l->term[i].value > 4 && n == l->term[i].value + 2 * l->term[j].value && l->term[j].value > 4)
                return arena_text(a, "%s + 2·%s", l->term[i].name, l->term[j].name);
    return arena_text(a, "%lld", (long long)n);
}

static void print_weight(const listing *l, const weight *w, const char *name, const char *when)
{
    static const char *const kinds[WEIGHT_KINDS] = {
        [WEIGHT_MATRIX] = "matrix", [WEIGHT_RESIDUAL] = "residual", [WEIGHT_EMBEDDING] = "embedding",
        [WEIGHT_POSITION] = "position", [WEIGHT_STATE] = "state", [WEIGHT_HEAD] = "head", [WEIGHT_CONVOLUTION] = "convolution",
        [WEIGHT_BIAS] = "bias",
        [WEIGHT_GAIN] = "gain",
    };
    const char *shape = "";
    for (int i = 0; i < w->tensor.rank; i++)
        shape = arena_text(l->arena, "%s%s%s", shape, i ? ", " : "", dimension_text(l, w->tensor.dim[i]));
    fprintf(l->out, "| `%s` | [%s] | %s | %s | %s |\n", name, shape, w->fill ? "own" : kinds[w->kind],
            w->decay == DECAY ? "yes" : "no", when);
}

// "layers.0.norm1.gain" → "layers.#.norm1.gain"
static const char *general_name(const char *name, arena *a)
{
    char *text = arena_copy(a, name);
    for (char *at = text; (at = strstr(at, ".0.")); at += 2) at[1] = '#';
    return text;
}

// The weights of a configuration that have not been seen. What is not valid has none.
static void add_weights(listing *l, const yaml *tree, const char *when)
{
    diag *d = diag_new();
    arena *life = arena_new();
    param_object description;
    if (param_read_object(architecture_family(), &description, tree, life, d) &&
        network_fits(&description, INPUTS, OUTPUTS, 1, d)) {
        const network *n = network_open(&description, INPUTS, OUTPUTS, life);
        for (int i = 0; i < n->model.n; i++) {
            const char *name = general_name(n->model.weight[i].name, l->arena);
            bool seen = false;
            for (int k = 0; k < l->n; k++) seen |= strcmp(l->seen[k], name) == 0;
            if (seen) continue;
            CHECK(l->n < MOST_WEIGHTS, "more than %d weights", MOST_WEIGHTS);
            print_weight(l, &n->model.weight[i], l->seen[l->n++] = name, when);
        }
    }
    arena_free(life);
    diag_free(d);
}

static void add_option(listing *l, const char *name, const char *value)
{
    const yaml *y = scalar(value, l->arena);
    add_weights(l, yaml_with(l->plain, name, y->at, y, l->arena), arena_text(l->arena, "`%s: %s`", name, value));
}

void weights_list_print(const object *o, FILE *out, arena *a)
{
    listing l = { .of = o, .out = out, .arena = a };
    bool has_size = true;
    for (const param *p = o->options; p->name; p++) has_size &= p->initial || strcmp(p->name, "d_model") == 0;
    fprintf(out, "\n### %s\n\n", o->name);
    if (!has_size) {
        fprintf(out, "Made of parts that are named in its options; `scanbench init` writes the weights of one.\n");
        return;
    }
    choose_sizes(&l);
    fprintf(out, "| weight | shape | kind | decay | where |\n|---|---|---|---|---|\n");
    add_weights(&l, l.plain, "");
    CHECK(l.n, "the sizes of this file do not fit %s", o->name);
    for (const param *p = o->options; p->name; p++) {
        const char *const *words = p->type == PARAM_CHOICE ? p->of : NULL;
        for (int i = 0; words && words[i]; i++) add_option(&l, p->name, words[i]);
        if (p->type == PARAM_BOOL) add_option(&l, p->name, strcmp(p->initial, "true") == 0 ? "false" : "true");
        if (is_asked_for(p)) add_option(&l, p->name, arena_text(a, "%d", ASKED_FOR));
    }
}
