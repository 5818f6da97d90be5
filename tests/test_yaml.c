// Trees with places, every refusal word for word, editing without touching the original, and text that reads back.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include "base/check.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/yaml.h"

static arena *memory;

// The tree, or NULL and what was reported.
static const yaml *parsed(const char *text, const char **faults)
{
    diag *d = diag_new();
    const yaml *tree = yaml_parse(text, "x.yaml", memory, d);
    char *printed;
    size_t n;
    FILE *out = open_memstream(&printed, &n);
    diag_print(d, out);
    fclose(out);
    *faults = arena_copy(memory, printed);
    free(printed);
    assert_int_equal(diag_errors(d) == 0, tree != NULL);
    diag_free(d);
    return tree;
}

static const yaml *good(const char *text)
{
    const char *faults;
    const yaml *tree = parsed(text, &faults);
    if (!tree) fail_msg("%s\n%s", text, faults);
    return tree;
}

static void assert_place(const yaml *node, int line, int column)
{
    assert_non_null(node);
    assert_string_equal(node->at.file, "x.yaml");
    assert_int_equal(node->at.line, line);
    assert_int_equal(node->at.column, column);
}

static const char sweep[] = "sweep: s5            # names the results\n"
                            "seeds: [0, 1]\n"
                            "train:\n"
                            "  lengths: { uniform: [2, 18] }\n"
                            "  optimizer: { name: adamw, lr: 3.0e-3 }\n"
                            "models:\n"
                            "  - { name: gla, d_model: \"128\" }\n"
                            "  - name: mämba\n"
                            "    note: 'it''s'\n"
                            "empty:\n";

static void test_tree_and_places(void **state)
{
    const yaml *t = good(sweep);
    assert_int_equal(t->kind, YAML_MAP);
    assert_int_equal(t->n, 5);
    assert_place(t, 1, 1);
    assert_place(yaml_get(t, "sweep"), 1, 8);
    assert_string_equal(yaml_get(t, "sweep")->text, "s5");
    assert_place(yaml_at(t, "seeds.1"), 2, 12);
    assert_place(yaml_at(t, "train.optimizer.lr"), 5, 33);
    assert_string_equal(yaml_at(t, "train.optimizer.lr")->text, "3.0e-3");
    assert_place(yaml_at(t, "train.optimizer")->key[1], 5, 29);
    assert_int_equal(yaml_at(t, "models")->kind, YAML_LIST);
    assert_true(yaml_at(t, "models.0.d_model")->quoted);
    assert_false(yaml_at(t, "models.0.name")->quoted);
    assert_string_equal(yaml_at(t, "models.1.name")->text, "mämba");
    assert_place(yaml_at(t, "models.1.note"), 9, 11);
    assert_string_equal(yaml_at(t, "models.1.note")->text, "it's");
    assert_true(yaml_is_null(yaml_get(t, "empty")));
    assert_false(yaml_is_null(yaml_get(t, "sweep")));
    assert_ptr_equal(yaml_at(t, ""), t);
    static const char *const absent[] = { "trains", "train.x", "seeds.2", "seeds.x", "seeds.-1", "sweep.x", "models.1.name.x",
                                          "train..lengths" };
    for (size_t i = 0; i < LEN(absent); i++) assert_null(yaml_at(t, absent[i]));
    assert_null(yaml_get(yaml_get(t, "seeds"), "0"));
    assert_null(yaml_get(NULL, "x"));
}

static void test_refusals(void **state)
{
    static const struct { const char *text, *faults; } cases[] = {
        { "", "x.yaml: error: nothing to read; write at least one 'key: value'\n" },
        { "# only this\n", "x.yaml: error: nothing to read; write at least one 'key: value'\n" },
        { "---\n", "x.yaml: error: nothing to read; write at least one 'key: value'\n" },
        { "a: &x 1\nb: *x\n", "x.yaml:1:4: error: anchors ('&x') are not read; write the value out where it is needed\n"
                              "x.yaml:2:4: error: aliases ('*x') are not read; write the value out\n" },
        { "a: &m { b: 1 }\nc: &l [1]\n",
          "x.yaml:1:4: error: anchors ('&m') are not read; write the value out where it is needed\n"
                                         "x.yaml:2:4: error: anchors ('&l') are not read; write the value out where it is "
                                         "needed\n" },
        { "a: !!int 3\nb: !mine [1]\nc: ! x\n", "x.yaml:1:4: error: tags ('tag:yaml.org,2002:int') are not read; leave it out\n"
                                              "x.yaml:2:4: error: tags ('!mine') are not read; leave it out\n"
                                              "x.yaml:3:4: error: tags ('!') are not read; leave it out\n" },
        { "<<: { a: 1 }\n", "x.yaml:1:1: error: merge keys ('<<') are not read; write the entries out\n" },
        { "a: 1\n---\nb: 2\n", "x.yaml:2:1: error: a second document begins here; write one file for each\n" },
        { "lr: 1\nb: 2\nlr: 3\n'lr': 4\n", "x.yaml:3:1: error: 'lr' is given a second time, first in 1:1; keep one of them\n"
                                          "x.yaml:4:1: error: 'lr' is given a second time, first in 1:1; keep one of them\n" },
        { "m: { a: 1, b: { a: 1, a: 2 } }\n",
          "x.yaml:1:23: error: 'a' is given a second time, first in 1:17; keep one of them\n" },
        { "? [1, 2]\n: 3\n", "x.yaml:1:3: error: a key is a word or a number, not a list\n" },
        { "{ { a: 1 }: 3 }\n", "x.yaml:1:3: error: a key is a word or a number, not a map\n" },
        { "'': 3\n", "x.yaml:1:1: error: a key is missing before ':'\n" },
        { "a: \"x\\0y\"\n", "x.yaml:1:4: error: a text with a zero byte; remove the '\\0'\n" },
        { "a: 1\n\tb: 2\n", "x.yaml:2:1: error: not YAML: found a tab character that violates indentation (while scanning a "
                            "plain scalar that begins in line 1); indent with spaces, not tabs\n" },
        { "a: @x\n",
          "x.yaml:1:4: error: not YAML: found character that cannot start any token (while scanning for the next token that "
          "begins in line 1); indent with spaces, not tabs, and quote a text that begins with @, ` or %\n" },
        { "a: b: 2\n", "x.yaml:1:5: error: not YAML: mapping values are not allowed in this context; write one 'key: value' a "
                       "line, and quote a text that holds ': '\n" },
        { "a: 1\n b: 2\n", "x.yaml:2:3: error: not YAML: mapping values are not allowed in this context; write one 'key: value' "
                           "a line, and quote a text that holds ': '\n" },
        { "a: [1, 2\nb: 3\n", "x.yaml:2:2: error: not YAML: did not find expected ',' or ']' (while parsing a flow sequence that "
                              "begins in line 1); separate entries with commas and close the list with ]\n" },
        { "a: { x: 1\n", "x.yaml:2:1: error: not YAML: did not find expected ',' or '}' (while parsing a flow mapping that "
                         "begins in line 1); separate entries with commas and close the map with }\n" },
        { "a: 'x\n", "x.yaml:2:1: error: not YAML: found unexpected end of stream (while scanning a quoted scalar that begins in "
                     "line 1); close the quote that was opened\n" },
        { "a\nb: 1\n", "x.yaml:2:2: error: not YAML: mapping values are not allowed in this context; write one 'key: value' a "
                       "line, and quote a text that holds ': '\n" },
        { "a: 1\nb\n", "x.yaml:3:1: error: not YAML: could not find expected ':' (while scanning a simple key that begins in "
                       "line 2); write 'key: value', with a space after the colon\n" },
        { "a: *\n", "x.yaml:1:5: error: not YAML: did not find expected alphabetic or numeric character (while scanning an alias "
                    "that begins in line 1); quote a text that begins with & or *\n" },
        { "a: \xff\n", "x.yaml:1:4: error: not UTF-8; save the file as UTF-8 text\n" },
        { "ä: 1\nb: \x01\n", "x.yaml:2:4: error: a control character; remove it\n" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        const char *faults;
        assert_null(parsed(cases[i].text, &faults));
        assert_string_equal(faults, cases[i].faults);
    }
}

static void test_too_deep_too_large(void **state)
{
    const char *faults;
    char deep[131] = "";
    for (int i = 0; i < 65; i++) deep[i] = '[', deep[65 + i] = ']';
    assert_null(parsed(deep, &faults));
    assert_string_equal(faults, "x.yaml:1:65: error: more than 64 levels of lists and maps; write it flatter\n");
    memmove(deep + 64, deep + 65, 65);
    deep[128] = 0;
    good(deep);
    const char *wide = "[";
    for (int i = 0; i < 100; i++) wide = arena_text(memory, "%s[], ", wide);
    assert_int_equal(good(arena_text(memory, "%s]", wide))->n, 100);
    char *large = malloc((1 << 20) + 2);
    memset(large, 'x', (1 << 20) + 1);
    large[(1 << 20) + 1] = 0;
    assert_null(parsed(large, &faults));
    assert_string_equal(faults, "x.yaml: error: 1048577 bytes are too many; at most 1048576 are read\n");
    free(large);
    assert_null(parsed(arena_text(memory, "\"%0300d\": 1", 0), &faults));
    assert_string_equal(faults, "x.yaml:1:1: error: a key of more than 200 letters\n");
    arena *a = arena_new();                                     // many keys must not take the square of their number
    char *many = malloc(1 << 20), *end = many;
    for (int i = 0; i < 60000; i++) end += sprintf(end, "key%d: 1\n", i);
    diag *d = diag_new();
    assert_int_equal(yaml_parse(many, "x", a, d)->n, 60000);
    diag_free(d);
    arena_free(a);
    free(many);
}

static void test_files(void **state)
{
    char path[] = "/tmp/scanbench-test-yaml-XXXXXX", text[400] = "";
    close(mkstemp(path));
    error e = { "" };
    diag *d = diag_new();
    assert_true(file_write(path, sweep, sizeof sweep - 1, &e));
    const yaml *tree = yaml_file(path, memory, d);
    assert_string_equal(yaml_at(tree, "models.0.name")->at.file, path);
    assert_int_equal(diag_errors(d), 0);
    assert_true(file_write(path, "a: 1\0b", 6, &e));
    assert_null(yaml_file(path, memory, d));
    file_remove(path, &e);
    assert_null(yaml_file("no/such.yaml", memory, d));
    assert_null(yaml_file("/tmp", memory, d));
    FILE *out = fmemopen(text, sizeof text, "w");
    diag_print(d, out);
    fclose(out);
    const char *expected =
        arena_text(memory, "/tmp: error: cannot read /tmp: Is a directory\n%s: error: not a text; it holds zero bytes\n"
                                              "no/such.yaml: error: cannot read no/such.yaml: No such file or directory\n", path);
    assert_string_equal(text, expected);
    diag_free(d);
}

static void assert_flow(const yaml *tree, const char *expected) { assert_string_equal(yaml_flow(tree, memory), expected); }

static void test_editing(void **state)
{
    const yaml *t = good("train: { lr: 1, stages: [{ steps: 5 }, 7] }\nx: 18\n"), *v = good("[9]");
    const char *before = yaml_flow(t, memory);
    assert_flow(yaml_with(t, "train.lr", v->at, v, memory), "{ train: { lr: [9], stages: [{ steps: 5 }, 7] }, x: 18 }");
    assert_flow(yaml_with(t, "train.stages.0.steps", v->at, v, memory),
                "{ train: { lr: 1, stages: [{ steps: [9] }, 7] }, x: 18 }");
    assert_flow(yaml_with(t, "train.stages.1", v->at, v, memory), "{ train: { lr: 1, stages: [{ steps: 5 }, [9]] }, x: 18 }");
    assert_flow(yaml_with(t, "a.b.c", v->at, v, memory),
                "{ train: { lr: 1, stages: [{ steps: 5 }, 7] }, x: 18, a: { b: { c: [9] } } }");
    assert_flow(yaml_with(t, "x.uniform", v->at, v, memory),
                "{ train: { lr: 1, stages: [{ steps: 5 }, 7] }, x: { uniform: [9] } }");
    assert_flow(yaml_with(NULL, "a.b", v->at, v, memory), "{ a: { b: [9] } }");
    assert_ptr_equal(yaml_with(t, "", v->at, v, memory), v);
    assert_null(yaml_with(t, "train.stages.2", v->at, v, memory));
    assert_null(yaml_with(t, "train.stages.lr.x", v->at, v, memory));
    assert_flow(yaml_without(t, "train", memory), "{ x: 18 }");
    assert_flow(yaml_without(t, "nothing", memory), before);
    assert_flow(t, before);                                                         // copies, all of them
    const yaml *edited = yaml_with(t, "train.new", v->at, v, memory);
    assert_place(yaml_at(edited, "train.stages.0"), 1, 26);                         // what stayed keeps its place
    assert_place(yaml_at(edited, "train.new"), 1, 1);
    assert_ptr_equal(yaml_at(edited, "train.stages"), yaml_at(t, "train.stages"));
}

static void test_flow(void **state)
{
    static const char *const cases[][2] = {                     // what is read, what is written; both mean the same
        { "name: gla\nheads: 2\n", "{ name: gla, heads: 2 }" },
        { "a: [2, 3, [4]]\nb: {}\nc: []\n", "{ a: [2, 3, [4]], b: {}, c: [] }" },
        { "a:\nb: ~\nc: null\n", "{ a: null, b: null, c: null }" },
        { "a: ''\nb: 'null'\nc: '12'\nd: 'true'\ne: '~'\nf: '-'\n",
          "{ a: \"\", b: \"null\", c: \"12\", d: \"true\", e: \"~\", f: \"-\" }" },
        { "a: 12\nb: -3\nc: true\nd: 3.0e-3\ne: .5\n", "{ a: 12, b: -3, c: true, d: 3.0e-3, e: .5 }" },
        { "a: one, two\nb: a b\nc: 'x: y'\nd: x#y\n", "{ a: \"one, two\", b: \"a b\", c: \"x: y\", d: \"x#y\" }" },
        { "a: \"\\\"\\\\\\n\\u2028\\x85ä€😀\"\n", "{ a: \"\\\"\\\\\\x0a\\u2028\\x85ä€😀\" }" },
        { "'a b': 1\n'<<': 2\n", "{ \"a b\": 1, \"<<\": 2 }" },
        { "a: psm-softmax\nb: results/x.csv\nc: S_5\n", "{ a: psm-softmax, b: results/x.csv, c: S_5 }" },
        { "just a text", "\"just a text\"" },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        assert_flow(good(cases[i][0]), cases[i][1]);
        assert_flow(good(cases[i][1]), cases[i][1]);
    }
}

static const char *random_text(rng *r)
{
    static const char *const pieces[] = { "a", "B", "7", "0", "-", ".", "+", "_", "/", " ", ":", ",", "#", "[", "]", "{", "}",
                                          "'", "\"", "\\", "\n", "\t", "&", "*",
                                          "!", "|", ">", "%", "@", "`", "?", "~", "<", "=", "ä", "€", "😀", "\xc2\x85",
                                          "\xe2\x80\xa8", "\xef\xbb\xbf", "\x1b", "\x7f",
                                          "null", "true", "1e5", "---", "..." };
    const char *text = "";
    for (uint64_t n = rng_below(r, 5); n; n--) text = arena_text(memory, "%s%s", text, pieces[rng_below(r, LEN(pieces))]);
    return text;
}

static yaml *random_tree(rng *r, int depth)
{
    yaml *node = arena_zero(memory, sizeof *node);
    const uint64_t kind = depth ? rng_below(r, 3) : 0;
    if (!kind) {
        node->text = random_text(r);
        node->quoted = true;
        return node;
    }
    node->kind = kind == 1 ? YAML_LIST : YAML_MAP;
    node->n = (int)rng_below(r, 4);
    node->item = arena_take(memory, 4 * sizeof *node->item);
    node->key = arena_take(memory, 4 * sizeof *node->key);
    for (int i = 0; i < node->n; i++) {
        node->item[i] = random_tree(r, depth - 1);
        node->key[i] = random_tree(r, 0);
        node->key[i]->text = arena_text(memory, "%d%s", i, node->key[i]->text);
    }
    return node;
}

static bool equal(const yaml *x, const yaml *y)
{
    bool same = x->kind == y->kind && x->n == y->n && (x->kind != YAML_SCALAR || !strcmp(x->text, y->text));
    for (int i = 0; same && i < x->n; i++)
        same = equal(x->item[i], y->item[i]) && (x->kind == YAML_LIST || equal(x->key[i], y->key[i]));
    return same;
}

static void test_any_text_reads_back(void **state)
{
    rng r = rng_start((uint64_t[]){ 1, RNG_TESTS }, 2);
    for (int i = 0; i < 3000; i++) {
        const arena_mark start = arena_save(memory);
        const yaml *tree = random_tree(&r, 3);
        const char *text = yaml_flow(tree, memory);
        const yaml *again = good(text);
        if (!equal(tree, again)) fail_msg("%s", text);
        assert_string_equal(yaml_flow(again, memory), text);
        arena_restore(memory, start);
    }
}

// Any bytes at all: a tree or a report, never a crash; a tree can be written and read again.
static void test_damaged_files(void **state)
{
    rng r = rng_start((uint64_t[]){ 2, RNG_TESTS }, 2);
    static const char likely[] = "\n\n  :-[]{},&*!|>'\"%@`#?\t<a1\xff\xc3";
    for (int i = 0; i < 5000; i++) {
        const arena_mark start = arena_save(memory);
        char text[sizeof sweep];
        const char *faults;
        memcpy(text, sweep, sizeof sweep);
        for (uint64_t n = 1 + rng_below(&r, 4); n; n--)
            text[rng_below(&r, sizeof sweep - 1)] = likely[rng_below(&r, sizeof likely - 1)];
        if (!(i % 3)) text[rng_below(&r, sizeof sweep)] = 0;
        const yaml *tree = parsed(text, &faults);
        if (tree) assert_string_equal(yaml_flow(good(yaml_flow(tree, memory)), memory), yaml_flow(tree, memory));
        else assert_non_null(strstr(faults, "x.yaml:"));
        arena_restore(memory, start);
    }
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
        cmocka_unit_test(test_tree_and_places), cmocka_unit_test(test_refusals), cmocka_unit_test(test_too_deep_too_large),
        cmocka_unit_test(test_files), cmocka_unit_test(test_editing), cmocka_unit_test(test_flow),
        cmocka_unit_test(test_any_text_reads_back), cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests_name("yaml", tests, set_up, tear_down);
}
