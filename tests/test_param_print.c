// Option tables in print: text that reads back as the same options, identity, the list for people.
#include "base/rng.h"
#include "tests/param_options.h"

static void test_identity(void **state)
{
    static const struct { const char *text, *changed; } cases[] = {
        { "{ group: a }", "{ group: a }" },
        { "{ group: a, d_model: 64, scale: 2e-2, seeds: [0, 1], tie: true, norm: layer, width: auto, lengths: 18, stop: {} }",
          "{ group: a }" },
        { "{ group: a, optimizer: { name: adamw, lr: 0.01 } }", "{ group: a }" },
        { "{ group: a, label: other }", "{ group: a }" },                                   // free
        { "{ group: a, stop: { keep: 5 } }", "{ group: a, stop: { keep: 5 } }" },
        { "{ group: a, optimizer: { name: adamw, lr: 0.02 } }", "{ group: a, optimizer: { name: adamw, lr: 0.02 } }" },
        // lr is adamw's own default, not the table's
        { "{ group: a, optimizer: adamw }", "{ group: a, optimizer: { name: adamw } }" },
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
    faults_of("{}", &half);                                                         // what could not be read can still be printed
    assert_string_equal(changed(&half), "{ group: null }");
    const options o = read_good("{ group: a, optimizer: { name: adamw, lr: 0.5 } }");
    assert_string_equal(param_print_object(&o.optimizer, PRINT_CHANGED, memory), "{ name: adamw, lr: 0.5 }");
    assert_string_equal(param_print_object(&o.optimizer, PRINT_ALL, memory),
                        "{ name: adamw, lr: 0.5, decay: auto, betas: [0.9, 0.95] }");
}

// Alternatives that share keys or could be mistaken for each other.
static void test_alternatives_keep_their_identity(void **state)
{
    typedef struct inner { int a, b; } inner;
    typedef struct outer { param_one_of x; } outer;
    static const param first[] = { INT(inner, a, "1", 0, 9, "a"), INT(inner, b, "1", 0, 9, "b"), {0} };
    static const param second[] = { INT(inner, a, "1", 0, 9, "a"), { "c", PARAM_INT, offsetof(inner, b), "2", 0, 9, 0, "c", 0 },
                                    {0} };
    static const param an_int = AN_INT(0, 9, ""), a_real = A_REAL(0, 9, "");
    static const param ways[] = { AN_INT(0, 9, ""), A_REAL(0, 9, ""), A_SECTION(inner, first, ""), A_SECTION(inner, second, ""),
                                  A_LIST(&an_int, 0, 0, ""), A_LIST(&a_real, 0, 0, ""), {0} };
    static const param outer_params[] = { ONE_OF(outer, x, NULL, ways, "x"), {0} };
    static const struct { const char *text; int which; const char *changed; } cases[] = {
        { "1", 0, "{ x: 1 }" },               { "1.0", 1, "{ x: 1.0 }" },            { "1.5", 1, "{ x: 1.5 }" },
        { "{}", 2, "{ x: {} }" },
        { "{ b: 1 }", 2, "{ x: {} }" },       { "{ c: 2 }", 3, "{ x: { a: 1, c: 2 } }" },
        { "{ a: 5, c: 2 }", 3, "{ x: { a: 5, c: 2 } }" },
        { "{ c: 3 }", 3, "{ x: { c: 3 } }" }, { "[1, 0.5]", 5, "{ x: [1, 0.5] }" },    { "[1, 2]", 4, "{ x: [1, 2] }" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        outer o;
        diag *d = diag_new();
        const char *text = arena_text(memory, "{ x: %s }", cases[i].text), *end = NULL;
        for (; text != end; end = text, text = cases[i].changed) {
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
        { 3e-3, "0.003" }, { 0.1, "0.1" }, { 1, "1" }, { -2.5, "-2.5" }, { 100000, "100000" }, { 1e20, "1e20" }, { 1e-5, "1e-5" },
        { 1.5e-7, "1.5e-7" },
        { 1.0 / 3, "0.3333333333333333" }, { 0.1 + 0.2, "0.30000000000000004" }, { 5e-324, "5e-324" }, { 0, "0" },
        { HUGE_VAL, "inf" }, { -HUGE_VAL, "-inf" },
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
        { "d_model", "1", "1024" }, { "batch", "5", "2147483647" }, { "width", "auto", "4096" },
        { "scale", "1e-30", "12345.678", "0.1" }, { "below_zero", "-1e300", "-0.0" },
        { "tie", "true", "false" }, { "norm", "layer", "rms", "'none'" }, { "group", "'true'", "' a '", "\"\\n\"", "12", "a" },
        { "label", "'~'", "x" },
        { "seeds", "[]", "[0, 1]", "[0]" }, { "stages", "[]", "[{}]", "[{ steps: 3 }, { lengths: last }]" },
        { "chain", "[none]", "[adamw, { name: sgd, steps: 7 }]" },
        { "widths", "{}", "{ 3: 4, 1: 2 }" }, { "stop", "{}", "{ below: 0 }", "{ below: 1, keep: 0 }" },
        { "optimizer", "none", "{ name: adamw, betas: [0, 1] }", "{ name: adamw, decay: 0.5, lr: 1 }" },
        { "lengths", "1", "first", "[1, 2]", "{ uniform: [1, 9] }", "{ 4: 5 }" },
    };
    rng r = rng_start((uint64_t[]){ 2, RNG_TESTS }, 2);
    for (int i = 0; i < 1000; i++) {
        const arena_mark start = arena_save(memory);
        const char *text = "{ ";
        for (size_t k = 0; k < LEN(values); k++) {
            uint64_t n = 1;
            while (n < 8 && values[k][n]) n++;
            const char *value = values[k][1 + rng_below(&r, n - 1)];
            if (!strcmp(values[k][0], "group") || rng_below(&r, 2))
                text = arena_text(memory, "%s%s: %s, ", text, values[k][0], value);
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
    static const char good[] = "{ group: a, d_model: 128, scale: 3.0e-3, tie: false, norm: rms, seeds: [3, 4], stages: [{ steps: "
                               "5 }, { lengths: last }], "
                               "chain: [none, { name: sgd, steps: 1 }], widths: { 64: 256 }, stop: { keep: 10 }, lengths: { "
                               "uniform: [2, 18] } }";
    static const char likely[] = "  :,[]{}'\"-.019aex~\n";
    rng r = rng_start((uint64_t[]){ 3, RNG_TESTS }, 2);
    int accepted = 0;
    for (int i = 0; i < 5000; i++) {
        const arena_mark start = arena_save(memory);
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (uint64_t n = 1 + rng_below(&r, 3); n; n--)
            text[rng_below(&r, sizeof good - 1)] = likely[rng_below(&r, sizeof likely - 1)];
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
        "    steps    100    steps [≥ 1]\n"
        "    lengths  4      lengths\n"
        "             number  one length [1, 4096]\n"
        "             word   a stage (first | last)\n"
        "             […]    several [1, 4096]\n"
        "             { key: …, … }  drawn from a range\n"
        "               uniform  (must be given)  from, to [1, 4096]\n"
        "             { key: …, … }  all of a range\n"
        "               from  (must be given)  first [1, 4096]\n"
        "               to    (must be given)  last [1, 4096]\n"
        "               step  1                step [1, 4096]\n"
        "             { n: n, … }  length: batch [1, 4096]\n"
        "    hard     false  hard\n"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity), cmocka_unit_test(test_alternatives_keep_their_identity),
        cmocka_unit_test(test_required_fields_always_print), cmocka_unit_test(test_real_text),
        cmocka_unit_test(test_random_options_read_back), cmocka_unit_test(test_damaged_options),
        cmocka_unit_test(test_list_options),
    };
    return cmocka_run_group_tests_name("param_print", tests, set_up, tear_down);
}
