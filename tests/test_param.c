// Option tables: defaults, every kind of value and every fault word for word, printing that reads back, identity.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/check.h"
#include "base/param.h"
#include "base/rng.h"

static arena *memory;

// ---- a small harness of options: optimizers, a schedule, stages

typedef struct adamw_options { double lr, decay; param_list betas; } adamw_options;
static const param a_beta = A_REAL(0, 1, "a decay");
static const param adamw_params[] = {
    REAL(adamw_options, lr, "1e-3", 0, 1, "learning rate"),
    REAL(adamw_options, decay, "auto", 0, 1, "weight decay"),
    { "betas", PARAM_LIST, offsetof(adamw_options, betas), "[0.9, 0.95]", 2, 2, &a_beta, "decay of the moments", 0 },
    {0}
};
static bool adamw_check(const void *options, mark at, diag *d)
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
static const optimizer adamw = { { .object = { "adamw", "arXiv:1711.05101", "Adam", 1, adamw_params, sizeof(adamw_options), adamw_check } }, 1 };
static const optimizer sgd = { { .object = { "sgd", "", "plain", 1, sgd_params, sizeof(sgd_options), NULL } }, 2 };
static const optimizer none = { { .object = { "none", "", "no options", 1, NULL, 0, NULL } }, 3 };
static const object *const optimizer_entries[] = { &adamw.object, &sgd.object, &none.object };
static const object_family optimizers = { "optimizer", LEN(optimizer_entries), optimizer_entries };

typedef struct span { param_list uniform; } span;
static const param a_length = AN_INT(1, 4096, "a length");
static const param span_params[] = { { "uniform", PARAM_LIST, offsetof(span, uniform), NULL, 2, 2, &a_length, "from, to", 0 }, {0} };
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
    INT(stage, steps, "100", 1, INT_MAX, "steps"), ONE_OF(stage, lengths, "4", lengths_ways, "lengths"), BOOL(stage, hard, "false", "hard"), {0}
};
static const param a_stage = A_SECTION(stage, stage_params, "a stage");
static const param an_optimizer = AN_OBJECT(&optimizers, "an optimizer");

typedef struct stop { double below; int keep; } stop;
static const param stop_params[] = { REAL(stop, below, "0.05", 0, 1, "error"), INT(stop, keep, "auto", 0, 1000, "steps more"), {0} };

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

static char *printed(const diag *d)
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
static const char *faults_of(const char *text, options *o)
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

static options read_good(const char *text)
{
    options o;
    const char *faults = faults_of(text, &o);
    if (*faults) fail_msg("%s\n%s", text, faults);
    return o;
}

static const char *all(const options *o) { return param_print(table, o, PRINT_ALL, memory); }
static const char *changed(const options *o) { return param_print(table, o, PRINT_CHANGED, memory); }

// ---- values

static void test_defaults(void **state)
{
    options o;
    memset(&o, 0xaa, sizeof o);
    param_defaults(table, &o, memory);
    assert_int_equal(o.d_model, 64);
    assert_int_equal(o.width, AUTO_INT);
    assert_true(o.scale == 0.02 && o.below_zero == -1 && o.tie && o.norm == NORM_LAYER);
    assert_null(o.group);
    assert_string_equal(o.label, "");
    assert_int_equal(o.seeds.n, 2);
    assert_int_equal(((int *)o.seeds.items)[1], 1);
    assert_int_equal(o.stages.n + o.chain.n + o.widths.n, 0);
    assert_true(o.stop.below == 0.05 && o.stop.keep == AUTO_INT);
    assert_ptr_equal(o.optimizer.type, &adamw);
    assert_null(o.optimizer.at.file);
    const adamw_options *a = o.optimizer.options;
    assert_true(a->lr == 0.01 && isnan(a->decay) && a->betas.n == 2 && ((double *)a->betas.items)[1] == 0.95);
    assert_int_equal(o.lengths.which, 0);
    assert_int_equal(*(int *)o.lengths.value, 18);
    assert_true(param_is_auto(&table[2], &o));
    assert_false(param_is_auto(&table[0], &o));
    assert_string_equal(param_value(&table[2], &o, memory), "auto");
    assert_string_equal(param_value(&table[9], &o, memory), "[0, 1]");
    assert_ptr_equal(object_find(&optimizers, "sgd"), &sgd.object);
    assert_null(object_find(&optimizers, "sg"));
}

static void test_every_kind_of_value(void **state)
{
    const options o = read_good("d_model: 128\nbatch: 2147483647\nwidth: 7\nscale: 3.0e-3\nbelow_zero: -.5\ntie: false\nnorm: rms\ngroup: S5\nlabel: 007\n"
                                "seeds: [3]\nstages: [{ steps: 5 }, { lengths: [2, 3], hard: true }]\nchain: [none, { name: sgd, steps: 1 }, { optimizer: adamw }]\n"
                                "widths: { 64: 256, 192: 86 }\nstop: { keep: 10 }\noptimizer: { name: sgd, steps: 10 }\nlengths: { uniform: [2, 18] }\n");
    assert_true(o.d_model == 128 && o.batch == INT_MAX && o.width == 7 && o.scale == 3e-3 && o.below_zero == -0.5 && !o.tie && o.norm == NORM_RMS);
    assert_string_equal(o.group, "S5");
    assert_string_equal(o.label, "007");
    assert_int_equal(o.seeds.n, 1);
    assert_int_equal(*(int *)o.seeds.items, 3);
    const stage *s = o.stages.items;
    assert_int_equal(o.stages.n, 2);
    assert_true(s[0].steps == 5 && !s[0].hard && *(int *)s[0].lengths.value == 4);
    assert_true(s[1].steps == 100 && s[1].hard && s[1].lengths.which == 2 && ((param_list *)s[1].lengths.value)->n == 2);
    const param_object *c = o.chain.items;
    assert_ptr_equal(c[0].type, &none);
    assert_int_equal(((sgd_options *)c[1].options)->steps, 1);
    assert_ptr_equal(c[2].type, &adamw);
    assert_true(o.widths.n == 2 && o.widths.pair[0][0] == 64 && o.widths.pair[1][1] == 86);
    assert_true(o.stop.keep == 10 && o.stop.below == 0.05);
    assert_ptr_equal(o.optimizer.type, &sgd);
    assert_int_equal(o.optimizer.at.line, 15);
    assert_int_equal(o.lengths.which, 3);
    assert_int_equal(((int *)((span *)o.lengths.value)->uniform.items)[1], 18);
    assert_int_equal(read_good("{ group: a, width: auto, stop: { keep: auto }, name: skipped }").width, AUTO_INT);
}

static void test_alternatives(void **state)
{
    static const struct { const char *value; int which; } cases[] = {
        { "5", 0 }, { "last", 1 }, { "'last'", 1 }, { "[1, 2]", 2 }, { "[]", 2 }, { "{ uniform: [1, 2] }", 3 }, { "{ from: 1, to: 2 }", 4 },
        { "{ to: 2, from: 1, step: 1 }", 4 }, { "{ 64: 2 }", 5 },
    };
    for (size_t i = 0; i < LEN(cases); i++)
        assert_int_equal(read_good(arena_text(memory, "{ group: a, lengths: %s }", cases[i].value)).lengths.which, cases[i].which);
}

static void test_faults(void **state)
{
    static const struct { const char *entry, *fault; } cases[] = {          // each beside `group: a`; the place is checked below
        { "d_modle: 5", "unknown key 'd_modle' in architecture 'mamba'; did you mean 'd_model'?" },
        { "zzz: 5", "unknown key 'zzz' in architecture 'mamba'; it has d_model, batch, width, scale, below_zero, tie, norm, group, label, seeds, stages, chain, widths, stop, optimizer, lengths" },
        { "d_model: 0", "'d_model' is 0, outside [1, 1024]" },
        { "d_model: 99999999999999999999", "'d_model' is 99999999999999999999, outside [1, 1024]" },
        { "d_model: -99999999999999999999", "'d_model' is -99999999999999999999, outside [1, 1024]" },
        { "batch: 0", "'batch' is 0, below 1" },
        { "batch: 2147483648", "'batch' is 2147483648, outside [1, 2147483647]" },
        { "d_model: 1e2", "'d_model' takes a whole number, not '1e2'; write 100" },
        { "d_model: 1_000", "'d_model' takes a whole number, not '1_000'; write 1000" },
        { "d_model: 4.0", "'d_model' takes a whole number, not '4.0'; write 4" },
        { "d_model: 007", "'d_model' takes a whole number, not '007'; write 7" },
        { "d_model: +7", "'d_model' takes a whole number, not '+7'; write 7" },
        { "d_model: '7'", "'d_model' takes a whole number, not '7'; write 7 without quotes" },
        { "d_model: 4.5", "'d_model' takes a whole number, not '4.5'" },
        { "d_model: 0x10", "'d_model' takes a whole number, not '0x10'" },
        { "d_model: auto", "'d_model' takes a whole number, not 'auto'" },
        { "d_model: [1]", "'d_model' takes a whole number, not a list" },
        { "d_model: { a: 1 }", "'d_model' takes a whole number, not a map" },
        { "d_model:", "'d_model' has no value; write one or leave it out" },
        { "label: ~", "'label' has no value; write one or leave it out" },
        { "scale: -1", "'scale' is -1, below 0" },
        { "below_zero: 1e0", "'below_zero' is 1e0, above 0" },
        { "scale: .inf", "'scale' must be a finite number, not .inf" },
        { "scale: -.INF", "'scale' must be a finite number, not -.INF" },
        { "scale: .nan", "'scale' must be a finite number, not .nan" },
        { "scale: nan", "'scale' must be a finite number, not nan" },
        { "scale: 1e999", "'scale' is 1e999, too large for a number" },
        { "scale: 0x1p3", "'scale' takes a number, not '0x1p3'" },
        { "scale: 1e", "'scale' takes a number, not '1e'" },
        { "scale: .", "'scale' takes a number, not '.'" },
        { "scale: big", "'scale' takes a number, not 'big'" },
        { "scale: '0.5'", "'scale' takes a number, not '0.5'; write 0.5 without quotes" },
        { "tie: yes", "'tie' is 'yes'; write true or false" },
        { "tie: True", "'tie' is 'True'; write true or false" },
        { "tie: 'true'", "'tie' is 'true'; write true or false" },
        { "tie: 1", "'tie' is '1'; write true or false" },
        { "norm: rsm", "'norm' is 'rsm', not layer, rms or none; did you mean 'rms'?" },
        { "norm: batch", "'norm' is 'batch', not layer, rms or none" },
        { "seeds: 3", "'seeds' takes a list, not '3'; write [3]" },
        { "seeds: { 1: 2 }", "'seeds' takes a list, not a map" },
        { "seeds: [1, -1]", "'seeds.1' is -1, below 0" },
        { "seeds: [1, ~]", "'seeds.1' has no value; write one or leave it out" },
        { "stages: [{ stesp: 1 }]", "unknown key 'stesp' in 'stages.0'; did you mean 'steps'?" },
        { "stages: [{ steps: 0 }]", "'steps' is 0, below 1" },
        { "stages: [5]", "'stages.0' takes a map, not '5'" },
        { "widths: { a: 1 }", "'a key of widths' takes a whole number, not 'a'" },
        { "widths: { 1: 0 }", "'widths.1' is 0, outside [1, 4096]" },
        { "widths: { 1: [2] }", "'widths.1' takes a whole number" },
        { "widths: [1]", "'widths' takes a map of whole numbers, not a list" },
        { "stop: 5", "'stop' takes a map, not '5'" },
        { "stop: { name: x }", "unknown key 'name' in 'stop'; it has below, keep" },
        { "stop: { below: 5 }", "'below' is 5, outside [0, 1]" },
        { "optimizer: adamv", "unknown optimizer 'adamv'; did you mean 'adamw'?" },
        { "optimizer: { name: lion }", "unknown optimizer 'lion'; there are adamw, sgd, none" },
        { "optimizer: { lr: x }", "'lr' takes a number, not 'x'" },      // the default's name need not be said again
        { "optimizer: [adamw]", "optimizer is { name: …, … }, not a list; there are adamw, sgd, none" },
        { "optimizer:", "'optimizer' has no value; write one or leave it out" },
        { "optimizer: { name: ~ }", "optimizer has no value; there are adamw, sgd, none" },
        { "optimizer: sgd", "'steps' must be given: steps to take" },
        { "optimizer: { name: sgd, setps: 5 }", "unknown key 'setps' in optimizer 'sgd'; did you mean 'steps'?" },
        { "optimizer: { name: sgd, other: 5 }", "'steps' must be given: steps to take\nx:1:37: error: unknown key 'other' in optimizer 'sgd'; it has steps" },
        { "optimizer: { name: none, x: 1 }", "unknown key 'x' in optimizer 'none', which has none" },
        { "optimizer: { name: adamw, lr: 0.1, decay: 0.2 }", "lr 0.1 is not above decay 0.2" },
        { "optimizer: { name: adamw, lr: 2, decay: 0.2 }", "'lr' is 2, outside [0, 1]" },
        { "optimizer: { name: adamw, betas: [0.9] }", "'betas' has 1 entries; it takes 2" },
        { "lengths: 0", "'lengths' is 0, outside [1, 4096]" },
        { "lengths: lats", "'lengths' is 'lats', not first or last; did you mean 'last'?" },
        { "lengths: middle", "'lengths' takes a whole number, first or last, a list, a map or a map of whole numbers, not 'middle'" },
        { "lengths: 1e2", "'lengths' takes a whole number, not '1e2'; write 100" },
        { "lengths: [2, x]", "'lengths.1' takes a whole number, not 'x'" },
        { "lengths: { unifrom: [1, 2] }", "unknown key 'unifrom' in 'lengths'; did you mean 'uniform'?" },
        { "lengths: { frm: 1, to: 2 }", "unknown key 'frm' in 'lengths'; did you mean 'from'?" },
        { "lengths: { uniform: [1] }", "'uniform' has 1 entries; it takes 2" },
        { "lengths: { 64: 0 }", "'lengths.64' is 0, outside [1, 4096]" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        options o;
        const char *text = arena_text(memory, "{ group: a, %s }", cases[i].entry), *faults = faults_of(text, &o);
        const char *message = strstr(faults, "error: ");
        if (!message) fail_msg("accepted: %s", text);
        if (strcmp(message + strlen("error: "), arena_text(memory, "%s\n", cases[i].fault))) fail_msg("%s\n found    %s expected %s", text, faults, cases[i].fault);
    }
}

// Everything wrong in one file, each at its place.
static void test_all_faults_at_once(void **state)
{
    options o;
    assert_string_equal(faults_of("d_modle: 5\n"
                                  "scale: [1]\n"
                                  "optimizer:\n"
                                  "  name: adamw\n"
                                  "  lr: 5\n"
                                  "  betas: [0.9, 2]\n"
                                  "stop: { below: x, kep: 1 }\n", &o),
                        "x:1:1: error: unknown key 'd_modle' in architecture 'mamba'; did you mean 'd_model'?\n"
                        "x:1:1: error: 'group' must be given: the group\n"
                        "x:2:8: error: 'scale' takes a number, not a list\n"
                        "x:5:7: error: 'lr' is 5, outside [0, 1]\n"
                        "x:6:16: error: 'betas.1' is 2, outside [0, 1]\n"
                        "x:7:16: error: 'below' takes a number, not 'x'\n"
                        "x:7:19: error: unknown key 'kep' in 'stop'; did you mean 'keep'?\n");
    assert_string_equal(faults_of("[1, 2]", &o), "x:1:1: error: architecture 'mamba' takes a map, not a list\n");
    const char *long_text = arena_text(memory, "{ group: a, tie: %s }", "äääääääääääääääääääääääääääääääääääääääääääääääää");
    assert_string_equal(faults_of(long_text, &o), "x:1:18: error: 'tie' is 'ääääääääääääääääääääääääääääää…'; write true or false\n");
}

// ---- one value by its path

static const char *set(options *o, const char *path, const char *text)
{
    diag *d = diag_new();
    const bool ok = param_set(table, o, path, text, (mark){ "grid", 4, 2 }, memory, d);
    assert_int_equal(ok, diag_errors(d) == 0);
    const char *faults = printed(d);
    diag_free(d);
    return faults;
}

static void test_set(void **state)
{
    options o = read_good("{ group: a, stages: [{}, {}], lengths: { uniform: [2, 18] } }");
    static const char *const good[][2] = {
        { "d_model", "256" }, { "optimizer.lr", "3e-3" }, { "stop.keep", "7" }, { "stages.1.steps", "9" }, { "label", "\"x: y\"" }, { "seeds", "[5, 6]" },
        { "seeds.1", "8" }, { "lengths.uniform", "[3, 4]" }, { "lengths.uniform.0", "2" }, { "stages.0.lengths", "{ from: 1, to: 9 }" }, { "stages.0.lengths.to", "8" },
        { "optimizer.betas.0", "0.5" }, { "widths", "{ 3: 4 }" }, { "width", "auto" }, { "chain", "[none]" }, { "chain.0", "adamw" },
    };
    for (size_t i = 0; i < LEN(good); i++) assert_string_equal(set(&o, good[i][0], good[i][1]), "");
    assert_string_equal(all(&o), "{ d_model: 256, batch: 32, width: auto, scale: 0.02, below_zero: -1, tie: true, norm: layer, group: a, label: \"x: y\", seeds: [5, 8], "
                                 "stages: [{ steps: 100, lengths: { from: 1, to: 8, step: 1 }, hard: false }, { steps: 9, lengths: 4, hard: false }], "
                                 "chain: [{ name: adamw, lr: 0.001, decay: auto, betas: [0.9, 0.95] }], widths: { 3: 4 }, stop: { below: 0.05, keep: 7 }, "
                                 "optimizer: { name: adamw, lr: 0.003, decay: auto, betas: [0.5, 0.95] }, lengths: { uniform: [2, 4] } }");
    assert_string_equal(set(&o, "optimizer.name", "none"), "");
    assert_ptr_equal(o.optimizer.type, &none);
    static const char *const bad[][3] = {
        { "d_modle", "1", "unknown key 'd_modle' in the options; did you mean 'd_model'?" },
        { "stop.kep", "1", "unknown key 'kep' in 'stop'; did you mean 'keep'?" },
        { "stop.keep", "5000", "'stop.keep' is 5000, outside [0, 1000]" },
        { "d_model.x", "1", "there is no 'd_model.x': nothing of that name in 'd_model'" },
        { "seeds.2", "1", "there is no 'seeds.2': nothing of that name in 'seeds'" },
        { "seeds.x", "1", "there is no 'seeds.x': nothing of that name in 'seeds'" },
        { "optimizer.lr", "1", "unknown key 'lr' in 'optimizer', which has none" },
        { "lengths.from", "1", "unknown key 'from' in 'lengths'; it has uniform" },
        { "d_model", "", "'d_model' has no value; write one or leave it out" },
        { "d_model", "[1", "'d_model': '[1' is not a YAML value" },
        { "", "1", "'': '1' is not a YAML value" },
    };
    for (size_t i = 0; i < LEN(bad); i++) assert_string_equal(set(&o, bad[i][0], bad[i][1]), arena_text(memory, "grid:4:2: error: %s\n", bad[i][2]));
}

// ---- printing

static void test_identity(void **state)
{
    static const struct { const char *text, *changed; } cases[] = {
        { "{ group: a }", "{ group: a }" },
        { "{ group: a, d_model: 64, scale: 2e-2, seeds: [0, 1], tie: true, norm: layer, width: auto, lengths: 18, stop: {} }", "{ group: a }" },
        { "{ group: a, optimizer: { name: adamw, lr: 0.01 } }", "{ group: a }" },
        { "{ group: a, label: other }", "{ group: a }" },                                   // free
        { "{ group: a, stop: { keep: 5 } }", "{ group: a, stop: { keep: 5 } }" },
        { "{ group: a, optimizer: { name: adamw, lr: 0.02 } }", "{ group: a, optimizer: { name: adamw, lr: 0.02 } }" },
        { "{ group: a, optimizer: adamw }", "{ group: a, optimizer: { name: adamw } }" },     // lr is adamw's own default, not the table's
        { "{ group: a, optimizer: { name: sgd, steps: 3 } }", "{ group: a, optimizer: { name: sgd, steps: 3 } }" },
        { "{ group: a, stages: [{ steps: 100 }, { lengths: 4, hard: true }] }", "{ group: a, stages: [{}, { hard: true }] }" },
        { "{ group: a, chain: [none, adamw] }", "{ group: a, chain: [{ name: none }, { name: adamw }] }" },
        { "{ group: a, lengths: { to: 5, from: 2 } }", "{ group: a, lengths: { from: 2, to: 5 } }" },
        { "{ group: a, lengths: [18] }", "{ group: a, lengths: [18] }" },
        { "{ group: '12', below_zero: -0 }", "{ below_zero: 0, group: \"12\" }" },
        { "{ group: a, widths: { 9: 1, 2: 3 } }", "{ group: a, widths: { 9: 1, 2: 3 } }" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        const options o = read_good(cases[i].text);
        assert_string_equal(changed(&o), cases[i].changed);
        const options again = read_good(changed(&o)), whole = read_good(all(&o));          // both texts say all that matters
        assert_string_equal(changed(&again), cases[i].changed);
        assert_string_equal(changed(&whole), cases[i].changed);
        assert_string_equal(all(&whole), all(&o));
    }
    options half;
    faults_of("{}", &half);                                                                // what could not be read can still be printed
    assert_string_equal(changed(&half), "{ group: null }");
    const options o = read_good("{ group: a, optimizer: { name: adamw, lr: 0.5 } }");
    assert_string_equal(param_print_object(&o.optimizer, PRINT_CHANGED, memory), "{ name: adamw, lr: 0.5 }");
    assert_string_equal(param_print_object(&o.optimizer, PRINT_ALL, memory), "{ name: adamw, lr: 0.5, decay: auto, betas: [0.9, 0.95] }");
}

// Alternatives that share keys or could be mistaken for each other.
static void test_alternatives_keep_their_identity(void **state)
{
    typedef struct inner { int a, b; } inner;
    typedef struct outer { param_one_of x; } outer;
    static const param first[] = { INT(inner, a, "1", 0, 9, "a"), INT(inner, b, "1", 0, 9, "b"), {0} };
    static const param second[] = { INT(inner, a, "1", 0, 9, "a"), { "c", PARAM_INT, offsetof(inner, b), "2", 0, 9, 0, "c", 0 }, {0} };
    static const param an_int = AN_INT(0, 9, ""), a_real = A_REAL(0, 9, "");
    static const param ways[] = { AN_INT(0, 9, ""), A_REAL(0, 9, ""), A_SECTION(inner, first, ""), A_SECTION(inner, second, ""),
                                  A_LIST(&an_int, 0, 0, ""), A_LIST(&a_real, 0, 0, ""), {0} };
    static const param outer_params[] = { ONE_OF(outer, x, NULL, ways, "x"), {0} };
    static const struct { const char *text; int which; const char *changed; } cases[] = {
        { "1", 0, "{ x: 1 }" },               { "1.0", 1, "{ x: 1.0 }" },            { "1.5", 1, "{ x: 1.5 }" },           { "{}", 2, "{ x: {} }" },
        { "{ b: 1 }", 2, "{ x: {} }" },       { "{ c: 2 }", 3, "{ x: { a: 1, c: 2 } }" }, { "{ a: 5, c: 2 }", 3, "{ x: { a: 5, c: 2 } }" },
        { "{ c: 3 }", 3, "{ x: { c: 3 } }" }, { "[1, 0.5]", 5, "{ x: [1, 0.5] }" },    { "[1, 2]", 4, "{ x: [1, 2] }" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        outer o;
        diag *d = diag_new();
        for (const char *text = arena_text(memory, "{ x: %s }", cases[i].text), *end = NULL; text != end; end = text, text = cases[i].changed) {
            param_defaults(outer_params, &o, memory);
            if (!param_read(outer_params, &o, yaml_parse(text, "x", memory, d), "it", memory, d)) fail_msg("%s", printed(d));
            assert_int_equal(o.x.which, cases[i].which);
            assert_string_equal(param_print(outer_params, &o, PRINT_CHANGED, memory), cases[i].changed);
        }
        diag_free(d);
    }
}

// A required field is part of an identity also where its value is what memory held before.
static void test_required_fields_always_print(void **state)
{
    typedef struct inner { int x; } inner;
    typedef struct outer { inner in; int y; } outer;
    static const param inner_params[] = { INT(inner, x, NULL, 0, 9, "x"), {0} };
    static const param outer_params[] = { SECTION(outer, in, inner_params, "in"), INT(outer, y, NULL, 0, 9, "y"), {0} };
    outer o;
    diag *d = diag_new();
    param_defaults(outer_params, &o, memory);
    assert_true(param_read(outer_params, &o, yaml_parse("{ y: 0, in: { x: 0 } }", "x", memory, d), "it", memory, d));
    assert_string_equal(param_print(outer_params, &o, PRINT_CHANGED, memory), "{ in: { x: 0 }, y: 0 }");
    assert_false(param_read(outer_params, &o, yaml_parse("{ y: 0 }", "x", memory, d), "it", memory, d));
    assert_string_equal(printed(d), "x:1:1: error: 'in.x' must be given: x\n");
    diag_free(d);
}

static void test_real_text(void **state)
{
    static const struct { double v; const char *text; } cases[] = {
        { 3e-3, "0.003" }, { 0.1, "0.1" }, { 1, "1" }, { -2.5, "-2.5" }, { 100000, "100000" }, { 1e20, "1e20" }, { 1e-5, "1e-5" }, { 1.5e-7, "1.5e-7" },
        { 1.0 / 3, "0.3333333333333333" }, { 0.1 + 0.2, "0.30000000000000004" }, { 5e-324, "5e-324" }, { 0, "0" }, { HUGE_VAL, "inf" }, { -HUGE_VAL, "-inf" },
        { AUTO_REAL, "nan" }, { 1.7976931348623157e308, "1.7976931348623157e308" },
    };
    for (size_t i = 0; i < LEN(cases); i++) assert_string_equal(real_text(cases[i].v, memory), cases[i].text);
    rng r = rng_start((uint64_t[]){ 1, RNG_TESTS }, 2);
    for (int i = 0; i < 20000; i++) {
        const uint64_t bits = rng_next(&r);
        double v;
        memcpy(&v, &bits, sizeof v);
        const arena_mark start = arena_save(memory);
        if (isfinite(v)) assert_true(strtod(real_text(v, memory), NULL) == v);
        arena_restore(memory, start);
    }
}

// Random valid values: what is printed reads back as the same, from both kinds of text.
static void test_random_options_read_back(void **state)
{
    static const char *const values[][8] = {
        { "d_model", "1", "1024" }, { "batch", "5", "2147483647" }, { "width", "auto", "4096" }, { "scale", "1e-30", "12345.678", "0.1" }, { "below_zero", "-1e300", "-0.0" },
        { "tie", "true", "false" }, { "norm", "layer", "rms", "'none'" }, { "group", "'true'", "' a '", "\"\\n\"", "12", "a" }, { "label", "'~'", "x" },
        { "seeds", "[]", "[0, 1]", "[0]" }, { "stages", "[]", "[{}]", "[{ steps: 3 }, { lengths: last }]" }, { "chain", "[none]", "[adamw, { name: sgd, steps: 7 }]" },
        { "widths", "{}", "{ 3: 4, 1: 2 }" }, { "stop", "{}", "{ below: 0 }", "{ below: 1, keep: 0 }" },
        { "optimizer", "none", "{ name: adamw, betas: [0, 1] }", "{ name: adamw, decay: 0.5, lr: 1 }" }, { "lengths", "1", "first", "[1, 2]", "{ uniform: [1, 9] }", "{ 4: 5 }" },
    };
    rng r = rng_start((uint64_t[]){ 2, RNG_TESTS }, 2);
    for (int i = 0; i < 1000; i++) {
        const arena_mark start = arena_save(memory);
        const char *text = "{ ";
        for (size_t k = 0; k < LEN(values); k++) {
            uint64_t n = 1;
            while (n < 8 && values[k][n]) n++;
            const char *value = values[k][1 + rng_below(&r, n - 1)];
            if (!strcmp(values[k][0], "group") || rng_below(&r, 2)) text = arena_text(memory, "%s%s: %s, ", text, values[k][0], value);
        }
        const options o = read_good(arena_text(memory, "%s}", text)), x = read_good(all(&o)), y = read_good(changed(&o));
        assert_string_equal(all(&x), all(&o));
        assert_string_equal(changed(&y), changed(&o));
        arena_restore(memory, start);
    }
}

// Letters changed anywhere: accepted or reported, never a crash; what is accepted prints and reads back.
static void test_damaged_options(void **state)
{
    static const char good[] = "{ group: a, d_model: 128, scale: 3.0e-3, tie: false, norm: rms, seeds: [3, 4], stages: [{ steps: 5 }, { lengths: last }], "
                               "chain: [none, { name: sgd, steps: 1 }], widths: { 64: 256 }, stop: { keep: 10 }, lengths: { uniform: [2, 18] } }";
    static const char likely[] = "  :,[]{}'\"-.019aex~\n";
    rng r = rng_start((uint64_t[]){ 3, RNG_TESTS }, 2);
    int accepted = 0;
    for (int i = 0; i < 5000; i++) {
        const arena_mark start = arena_save(memory);
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (uint64_t n = 1 + rng_below(&r, 3); n; n--) text[rng_below(&r, sizeof good - 1)] = likely[rng_below(&r, sizeof likely - 1)];
        diag *d = diag_new();
        const yaml *map = yaml_parse(text, "x", memory, d);
        options o;
        param_defaults(table, &o, memory);
        if (map && param_read(table, &o, map, "it", memory, d)) {
            const options again = read_good(changed(&o));
            assert_string_equal(changed(&again), changed(&o));
            accepted++;
        } else {
            assert_true(diag_errors(d) > 0);
            if (map && map->kind == YAML_MAP) assert_non_null(all(&o));
        }
        diag_free(d);
        arena_restore(memory, start);
    }
    assert_true(accepted > 100 && accepted < 4000);
}

static void test_list_options(void **state)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    param_list_options(table, 2, out);
    fclose(out);
    assert_string_equal(text,
        "  d_model     64               width [1, 1024]\n"
        "  batch       32               sequences a step [≥ 1]\n"
        "  width       auto             width of the MLP [1, 4096]\n"
        "  scale       0.02             std of the weights [≥ 0]\n"
        "  below_zero  -1               a number below zero [≤ 0]\n"
        "  tie         true             head = embedding\n"
        "  norm        layer            normalisation (layer | rms | none)\n"
        "  group       (must be given)  the group\n"
        "  label       ''               name in tables\n"
        "  seeds       [0, 1]           seeds [≥ 0]\n"
        "  stages      []               stages\n"
        "  chain       []               one after another (optimizer: adamw | sgd | none)\n"
        "  widths      {}               length: batch [1, 4096]\n"
        "  stop                         when to stop\n"
        "    below  0.05  error [0, 1]\n"
        "    keep   auto  steps more [0, 1000]\n"
        "  optimizer   { name: adamw, lr: 0.01 }  the optimizer (optimizer: adamw | sgd | none)\n"
        "  lengths     18               lengths\n"
        "              number           one length [1, 4096]\n"
        "              word             a stage (first | last)\n"
        "              […]              several [1, 4096]\n"
        "              { key: …, … }    drawn from a range\n"
        "                uniform  (must be given)  from, to [1, 4096]\n"
        "              { key: …, … }    all of a range\n"
        "                from  (must be given)  first [1, 4096]\n"
        "                to    (must be given)  last [1, 4096]\n"
        "                step  1                step [1, 4096]\n"
        "              { n: n, … }      length: batch [1, 4096]\n");
    free(text);
}

static void bad_table(void)
{
    typedef struct t { int x; } t;
    static const param bad[] = { INT(t, x, "12", 0, 10, "out of its own range"), {0} };
    t value;
    param_defaults(bad, &value, memory);
}

static void test_a_wrong_table_is_our_mistake(void **state)
{
    int status;
    const pid_t child = fork();
    if (!child) {
        if (!freopen("/dev/null", "w", stderr)) _exit(99);
        bad_table();
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static int set_up(void **state) { return (memory = arena_new()) ? 0 : -1; }

static int tear_down(void **state)
{
    arena_free(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_every_kind_of_value), cmocka_unit_test(test_alternatives), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_all_faults_at_once), cmocka_unit_test(test_set), cmocka_unit_test(test_identity), cmocka_unit_test(test_alternatives_keep_their_identity), cmocka_unit_test(test_required_fields_always_print), cmocka_unit_test(test_real_text),
        cmocka_unit_test(test_random_options_read_back), cmocka_unit_test(test_damaged_options), cmocka_unit_test(test_list_options), cmocka_unit_test(test_a_wrong_table_is_our_mistake),
    };
    return cmocka_run_group_tests_name("param", tests, set_up, tear_down);
}
