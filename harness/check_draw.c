// Entries of models to try: an architecture's defaults at a tiny size, and random ones from its option table.
#include <string.h>
#include "harness/check.h"

// Values that keep a network tiny and mostly valid. What is not listed is drawn near the lower end of its own range. The
// first value stands where an option must be given.
static const struct { const char *name, *values[6]; } tiny[] = {
    { "d_model",       { "16", "4", "8", "12" } },
    { "heads",         { "1", "2", "4" } },
    { "layers",        { "1", "2", "3" } },
    { "max_length",    { "40", "64" } },
    { "norm_eps",      { "1e-5", "1e-3", "0.01" } },
    { "mlp_width",     { "auto", "3", "8" } },
    { "init",          { "gpt2", "psm", "zoology", "{ matrices: 0.2, embedding: 0.3 }",
                         "{ preset: psm, head: 0.1, states: 1 }" } },
    { "window",        { "0", "1", "3", "16" } },
    { "rope_base",     { "10000", "2", "500" } },
    { "conv",          { "1", "2", "4" } },
    { "state",         { "1", "4", "16" } },
    { "dt_rank",       { "auto", "1", "3" } },
    { "eigenvalues",   { "[0, 1]", "[-1, 1]" } },
    { "expand_k",      { "0.5", "1" } },
    { "expand_v",      { "1", "2" } },
    { "decay_rank",    { "1", "3", "16" } },
    { "decay_divisor", { "1", "16" } },
    { "dropout",       { "0", "0.1", "0.5" } },
};

static const char *pick(const char *const *values, int room, rng *r)
{
    uint64_t n = 0;
    while (n < (uint64_t)room && values[n]) n++;
    return values[r ? rng_below(r, n) : 0];
}

// Mixers for a stack: some at random, or every one there is.
static const char *stack_text(const object_family *family, rng *r, arena *a)
{
    const char *text = "[";
    const int n = r ? 1 + (int)rng_below(r, 3) : family->n;
    for (int i = 0; i < n; i++) {
        const object *o = family->entries[r ? (int)rng_below(r, (uint64_t)family->n) : i];
        text = arena_text(a, "%s%s%s", text, i ? ", " : "", o->name);
    }
    return arena_text(a, "%s]", text);
}

// The text of a value; r NULL: the one for an option that must be given. NULL: nothing but the default is known.
static const char *value_text(const param *p, rng *r, arena *a)
{
    const param *element = p->type == PARAM_LIST ? p->of : NULL;
    if (element && element->type == PARAM_OBJECT) return stack_text(element->of, r, a);
    for (size_t i = 0; i < LEN(tiny); i++)
        if (strcmp(tiny[i].name, p->name) == 0) return pick(tiny[i].values, (int)LEN(tiny[i].values), r);
    switch (p->type) {
    case PARAM_BOOL:   return r && rng_below(r, 2) ? "true" : "false";
    case PARAM_CHOICE: return pick(p->of, INT_MAX, r);
    case PARAM_INT:    return arena_text(a, "%d", (int)fmin(p->max, p->min + (r ? (double)rng_below(r, 4) : 0)));
    default:           return p->initial;
    }
}

const char *check_draw(const object *o, rng *r, arena *a)
{
    const char *text = arena_text(a, "{ name: %s", o->name);
    for (const param *p = o->options; p->name; p++) {
        if (p->initial && strcmp(p->name, "heads") != 0 && !rng_below(r, 2)) continue;
        const char *value = value_text(p, r, a);
        if (value) text = arena_text(a, "%s, %s: %s", text, p->name, value);
    }
    return arena_text(a, "%s }", text);
}

const yaml *check_defaults(const object *o, const yaml *given, arena *a)
{
    diag *d = diag_new();
    for (const param *p = o->options; p->name; p++) {
        if (p->initial || yaml_get(given, p->name)) continue;
        const yaml *value = yaml_parse(value_text(p, NULL, a), "command line", a, d);
        CHECK(value, "no value for '%s' of %s", p->name, o->name);
        given = yaml_with(given, p->name, value->at, value, a);
    }
    diag_free(d);
    return given;
}
