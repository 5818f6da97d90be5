// Option tables: defaults, every kind of value and every fault word for word, one value by its path.
#include <sys/wait.h>
#include <unistd.h>
#include "tests/param_options.h"

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
    assert_string_equal(param_value(&table[2], &o, memory), "auto");
    assert_string_equal(param_value(&table[9], &o, memory), "[0, 1]");
    assert_ptr_equal(object_find(&optimizers, "sgd"), &sgd.object);
    assert_null(object_find(&optimizers, "sg"));
}

static void test_every_kind_of_value(void **state)
{
    const options o = read_good("d_model: 128\nbatch: 2147483647\nwidth: 7\nscale: 3.0e-3\nbelow_zero: -.5\ntie: false\n"
                                "norm: rms\ngroup: S5\nlabel: 007\n"
                                "seeds: [3]\nstages: [{ steps: 5 }, { lengths: [2, 3], hard: true }]\n"
                                "chain: [none, { name: sgd, steps: 1 }, { optimizer: adamw }]\n"
                                "widths: { 64: 256, 192: 86 }\nstop: { keep: 10 }\noptimizer: { name: sgd, steps: 10 }\n"
                                "lengths: { uniform: [2, 18] }\n");
    assert_true(o.d_model == 128 && o.batch == INT_MAX && o.width == 7 && o.scale == 3e-3 && o.below_zero == -0.5 && !o.tie &&
                o.norm == NORM_RMS);
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
        { "5", 0 }, { "last", 1 }, { "'last'", 1 }, { "[1, 2]", 2 }, { "[]", 2 }, { "{ uniform: [1, 2] }", 3 },
        { "{ from: 1, to: 2 }", 4 },
        { "{ to: 2, from: 1, step: 1 }", 4 }, { "{ 64: 2 }", 5 },
    };
    for (size_t i = 0; i < LEN(cases); i++)
        assert_int_equal(read_good(arena_text(memory, "{ group: a, lengths: %s }", cases[i].value)).lengths.which,
                         cases[i].which);
}

static void test_faults(void **state)
{
    static const struct { const char *entry, *fault; } cases[] = {          // each beside `group: a`; the place is checked below
        { "d_modle: 5", "unknown key 'd_modle' in architecture 'mamba'; did you mean 'd_model'?" },
        { "zzz: 5", "unknown key 'zzz' in architecture 'mamba'; it has d_model, batch, width, scale, below_zero, tie, norm, "
                    "group, label, seeds, stages, chain, widths, stop, optimizer, lengths" },
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
        { "optimizer: { name: sgd, other: 5 }",
          "'steps' must be given: steps to take\nx:1:37: error: unknown key 'other' in optimizer 'sgd'; it has steps" },
        { "optimizer: { name: none, x: 1 }", "unknown key 'x' in optimizer 'none', which has none" },
        { "optimizer: { name: adamw, lr: 0.1, decay: 0.2 }", "lr 0.1 is not above decay 0.2" },
        { "optimizer: { name: adamw, lr: 2, decay: 0.2 }", "'lr' is 2, outside [0, 1]" },
        { "optimizer: { name: adamw, betas: [0.9] }", "'betas' has 1 entries; it takes 2" },
        { "lengths: 0", "'lengths' is 0, outside [1, 4096]" },
        { "lengths: lats", "'lengths' is 'lats', not first or last; did you mean 'last'?" },
        { "lengths: middle",
          "'lengths' takes a whole number, first or last, a list, a map or a map of whole numbers, not 'middle'" },
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
        if (strcmp(message + strlen("error: "), arena_text(memory, "%s\n", cases[i].fault)))
            fail_msg("%s\n found    %s expected %s", text, faults, cases[i].fault);
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
    assert_string_equal(faults_of(long_text, &o),
                        "x:1:18: error: 'tie' is 'ääääääääääääääääääääääääääääää…'; write true or false\n");
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
        { "d_model", "256" }, { "optimizer.lr", "3e-3" }, { "stop.keep", "7" }, { "stages.1.steps", "9" },
        { "label", "\"x: y\"" }, { "seeds", "[5, 6]" },
        { "seeds.1", "8" }, { "lengths.uniform", "[3, 4]" }, { "lengths.uniform.0", "2" },
        { "stages.0.lengths", "{ from: 1, to: 9 }" }, { "stages.0.lengths.to", "8" },
        { "optimizer.betas.0", "0.5" }, { "widths", "{ 3: 4 }" }, { "width", "auto" }, { "chain", "[none]" },
        { "chain.0", "adamw" },
    };
    for (size_t i = 0; i < LEN(good); i++) assert_string_equal(set(&o, good[i][0], good[i][1]), "");
    assert_string_equal(all(&o), "{ d_model: 256, batch: 32, width: auto, scale: 0.02, below_zero: -1, tie: true, norm: layer, "
                                 "group: a, label: \"x: y\", seeds: [5, 8], "
                                 "stages: [{ steps: 100, lengths: { from: 1, to: 8, step: 1 }, hard: false }, { steps: 9, "
                                 "lengths: 4, hard: false }], "
                                 "chain: [{ name: adamw, lr: 0.001, decay: auto, betas: [0.9, 0.95] }], widths: { 3: 4 }, stop: "
                                 "{ below: 0.05, keep: 7 }, "
                                 "optimizer: { name: adamw, lr: 0.003, decay: auto, betas: [0.5, 0.95] }, lengths: { uniform: "
                                 "[2, 4] } }");
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
    for (size_t i = 0; i < LEN(bad); i++)
        assert_string_equal(set(&o, bad[i][0], bad[i][1]), arena_text(memory, "grid:4:2: error: %s\n", bad[i][2]));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_every_kind_of_value), cmocka_unit_test(test_alternatives),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_all_faults_at_once), cmocka_unit_test(test_set),
        cmocka_unit_test(test_a_wrong_table_is_our_mistake),
    };
    return cmocka_run_group_tests_name("param", tests, set_up, tear_down);
}
