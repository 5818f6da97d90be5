// What the tests of option tables share: a small harness of options, optimizers, a schedule and stages; reading them from text.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>
#include "base/check.h"
#include "base/param.h"

static arena *memory;

typedef struct adamw_options { double lr, decay; param_list betas; } adamw_options;
static const param a_beta = A_REAL(0, 1, "a decay");
static const param adamw_params[] = {
    REAL(adamw_options, lr, "1e-3", 0, 1, "learning rate"),
    REAL(adamw_options, decay, "auto", 0, 1, "weight decay"),
    { "betas", PARAM_LIST, offsetof(adamw_options, betas), "[0.9, 0.95]", 2, 2, &a_beta, "decay of the moments", 0 },
    {0}
};
static inline bool adamw_check(const void *options, mark at, diag *d)
{
    const adamw_options *o = options;
    if (o->lr > o->decay) return true;              // also where decay is auto, NaN
    if (isnan(o->decay)) return true;
    diag_error(d, at, "lr %g is not above decay %g", o->lr, o->decay);
    return false;
}
typedef struct sgd_options { int steps; } sgd_options;
static const param sgd_params[] = { INT(sgd_options, steps, NULL, 1, INT_MAX, "steps to take"), {0} };

typedef struct optimizer { OBJECT; int private_part; } optimizer;
static const optimizer adamw = { { .object = { "adamw", "arXiv:1711.05101", "Adam", 1, adamw_params, sizeof(adamw_options),
                                               adamw_check } }, 1 };
static const optimizer sgd = { { .object = { "sgd", "", "plain", 1, sgd_params, sizeof(sgd_options), NULL } }, 2 };
static const optimizer none = { { .object = { "none", "", "no options", 1, NULL, 0, NULL } }, 3 };
static const object *const optimizer_entries[] = { &adamw.object, &sgd.object, &none.object };
static const object_family optimizers = { "optimizer", LEN(optimizer_entries), optimizer_entries };

typedef struct span { param_list uniform; } span;
static const param a_length = AN_INT(1, 4096, "a length");
static const param span_params[] = { { "uniform", PARAM_LIST, offsetof(span, uniform), NULL, 2, 2, &a_length, "from, to", 0 },
                                     {0} };
typedef struct range { int from, to, step; } range;
static const param range_params[] = {
    INT(range, from, NULL, 1, 4096, "first"), INT(range, to, NULL, 1, 4096, "last"), INT(range, step, "1", 1, 4096, "step"), {0}
};
static const char *const moments[] = { "first", "last", NULL };
static const param lengths_ways[] = {
    AN_INT(1, 4096, "one length"),
    A_CHOICE(moments, "a stage"),
    A_LIST(&a_length, 0, 0, "several"),
    A_SECTION(span, span_params, "drawn from a range"),
    A_SECTION(range, range_params, "all of a range"),
    A_MAP(1, 4096, "length: batch"),
    {0}
};

typedef struct stage { int steps; param_one_of lengths; bool hard; } stage;
static const param stage_params[] = {
    INT(stage, steps, "100", 1, INT_MAX, "steps"), ONE_OF(stage, lengths, "4", lengths_ways, "lengths"),
        BOOL(stage, hard, "false", "hard"), {0}
};
static const param a_stage = A_SECTION(stage, stage_params, "a stage");
static const param an_optimizer = AN_OBJECT(&optimizers, "an optimizer");

typedef struct stop { double below; int keep; } stop;
static const param stop_params[] = { REAL(stop, below, "0.05", 0, 1, "error"), INT(stop, keep, "auto", 0, 1000, "steps more"),
                                     {0} };

enum norm { NORM_LAYER, NORM_RMS, NORM_NONE };
static const char *const norms[] = { "layer", "rms", "none", NULL };
typedef struct options {
    int d_model, batch, width;
    double scale, below_zero;
    bool tie;
    int norm;
    const char *group, *label;
    param_list seeds, stages, chain;
    param_map widths;
    stop stop;
    param_object optimizer;
    param_one_of lengths;
} options;
static const param a_seed = AN_INT(0, INT_MAX, "a seed");
static const param table[] = {
    INT      (options, d_model,    "64",   1, 1024,                "width"),
    INT      (options, batch,      "32",   1, INT_MAX,             "sequences a step"),
    INT      (options, width,      "auto", 1, 4096,                "width of the MLP"),
    REAL     (options, scale,      "0.02", 0, HUGE_VAL,            "std of the weights"),
    REAL     (options, below_zero, "-1",   -HUGE_VAL, 0,           "a number below zero"),
    BOOL     (options, tie,        "true",                         "head = embedding"),
    CHOICE   (options, norm,       "layer", norms,                 "normalisation"),
    TEXT     (options, group,      NULL,                           "the group"),
    { "label", PARAM_TEXT, offsetof(options, label), "", 0, 0, 0, "name in tables", true },
    LIST     (options, seeds,      "[0, 1]", &a_seed,              "seeds"),
    LIST     (options, stages,     "[]",   &a_stage,               "stages"),
    LIST     (options, chain,      "[]",   &an_optimizer,          "one after another"),
    MAP      (options, widths,     "{}",   1, 4096,                "length: batch"),
    SECTION  (options, stop,       stop_params,                    "when to stop"),
    OBJECT_OF(options, optimizer,  "{ name: adamw, lr: 0.01 }", &optimizers, "the optimizer"),
    ONE_OF   (options, lengths,    "18",   lengths_ways,           "lengths"),
    {0}
};

// ---- helpers

static inline char *printed(const diag *d)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    diag_print(d, out);
    fclose(out);
    char *kept = arena_copy(memory, text);
    free(text);
    return kept;
}

// Reads a map and returns what was reported.
static inline const char *faults_of(const char *text, options *o)
{
    diag *d = diag_new();
    const yaml *map = yaml_parse(text, "x", memory, d);
    if (!map) fail_msg("%s", printed(d));
    memset(o, 0xaa, sizeof *o);                                     // the defaults must fill every field
    param_defaults(table, o, memory);
    const bool ok = param_read(table, o, map, "architecture 'mamba'", memory, d);
    assert_int_equal(ok, diag_errors(d) == 0);
    const char *faults = printed(d);
    diag_free(d);
    return faults;
}

static inline options read_good(const char *text)
{
    options o;
    const char *faults = faults_of(text, &o);
    if (*faults) fail_msg("%s\n%s", text, faults);
    return o;
}

static inline const char *all(const options *o) { return param_print(table, o, PRINT_ALL, memory); }
static inline const char *changed(const options *o) { return param_print(table, o, PRINT_CHANGED, memory); }

static inline int set_up(void **state) { return (memory = arena_new()) ? 0 : -1; }

static inline int tear_down(void **state)
{
    arena_free(memory);
    return 0;
}
