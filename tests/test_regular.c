// Regular tasks: distributions, counts of texts, floors by formula, automata from files and what is said of wrong ones.
#include <unistd.h>
#include "tests/task_tools.h"

// Where states stay uniform a window of w symbols is right at the first w positions and by chance behind them.
static void floors(void **state)
{
    static const struct { const char *task, *options, *floor; int length; double right; } known[] = {
        { "parity",           "{}",                              "most-frequent",  40, 0.5 },
        { "parity",           "{ start: bos }",                  "last-symbol",    40, (1 + 39 * 0.5) / 40 },
        { "parity",           "{}",                              "last-4-symbols", 40, (4 + 36 * 0.5) / 40 },
        { "parity",           "{ scored: mark }",                "last-4-symbols", 4,  1 },
        { "parity",           "{ scored: mark, start: bos }",    "last-4-symbols", 5,  0.5 },
        { "even-pairs",       "{}",                              "last-2-symbols", 40, (2 + 38 * 0.5) / 40 },
        { "cycle-navigation", "{}",                              "last-2-symbols", 20, (2 + 18 * 0.2) / 20 },
        { "cycle-navigation", "{ modulus: 3, scored: last }",    "last-4-symbols", 20, 1.0 / 3 },
        { "modular-arithmetic", "{ order: left-to-right, multiply: false }", "last-4-symbols", 21, 0.2 },
        { "modular-arithmetic", "{ scored: all }",               "last-symbol",    1,  1 },
        { "flip-flop",        "{ ignore: 0.5 }",                 "last-symbol",    200, 0.5 },
        { "flip-flop",        "{ ignore: 0.5 }",                 "last-2-symbols", 400, 0.75 },
        { "dyck",             "{ kinds: 1, depth: 1 }",          "last-symbol",    20, 1 },
        { "dyck",             "{ kinds: 1, depth: 4 }",          "counts",         40, 1 },
        { "dyck",             "{ kinds: 3, depth: 1 }",          "counts",         40, 1 },
        { "dyck",             "{ form: recognition, scored: last }", "most-frequent", 40, 0.5 },
        { "dyck",             "{ form: recognition, scored: mark, start: bos }", "last-4-symbols", 4, 1 } };
    for (size_t i = 0; i < LEN(known); i++) {
        arena *a = arena_new();
        const dataset data = open_task(known[i].task, known[i].options, a);
        const double right = 1 - floor_error(&data, known[i].floor, known[i].length, 10000);
        const double tolerance = known[i].right == 1 ? 0 : 0.02;
        if (!(fabs(right - known[i].right) <= tolerance))
            fail_msg("%s %s, %s: right %.4f, expected %.4f", known[i].task, known[i].options, known[i].floor, right,
                     known[i].right);
        arena_free(a);
    }
}

// A product is 0 more often than not: 9 of 25 for two digits.
static void precedence_prefers_zero(void **state)
{
    arena *a = arena_new();
    const dataset data = open_task("modular-arithmetic", "{}", a);
    int zeros = 0;
    for (int i = 0; i < 30000; i++) {
        int input[4], target[4];
        dataset_example(&data, SPLIT_TRAIN, 3, i, input, target);
        zeros += target[3] == 0;
    }
    assert_true(fabs(zeros / 30000.0 - (2 * 5 + 9) / 75.0) < 0.01);
    arena_free(a);
}

static void balance(void **state)
{
    enum { N = 20000, L = 12 };
    static const char *const tasks[] = { "parity", "even-pairs" };
    for (size_t i = 0; i < LEN(tasks); i++) {
        arena *a = arena_new();
        const dataset data = open_task(tasks[i], "{}", a);
        int ones[L] = {0};
        for (int k = 0; k < N; k++) {
            int input[L], target[L];
            dataset_example(&data, SPLIT_TRAIN, L, k, input, target);
            for (int t = 0; t < L; t++)
                ones[t] += target[t];
        }
        for (int t = i == 1; t < L; t++)                        // one bit has changed nothing
            if (!(fabs(ones[t] - N / 2.0) < 4.5 * sqrt(N / 4.0)))
                fail_msg("%s: %d ones of %d at %d", tasks[i], ones[t], N, t);
        arena_free(a);
    }
}

static void flip_flop_instructions(void **state)
{
    enum { N = 5000, L = 40 };
    arena *a = arena_new();
    const dataset data = open_task("flip-flop", "{ ignore: 0.6 }", a);
    int count[3] = {0}, ignored[2] = {0};
    for (int i = 0; i < N; i++) {
        int input[L], target[L];
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        assert_true(input[0] == 2 && input[L - 2] == 4 && target[L - 2] == input[L - 1]);
        for (int t = 2; t < L - 2; t += 2) {
            count[input[t] - 2]++;
            if (input[t] == 3)
                ignored[input[t + 1]]++;
        }
    }
    const double all = count[0] + count[1] + count[2];
    assert_true(fabs(count[0] / all - 0.2) < 0.01 && fabs(count[1] / all - 0.6) < 0.01 && fabs(count[2] / all - 0.2) < 0.01);
    assert_true(fabs(ignored[0] / (double)(ignored[0] + ignored[1]) - 0.5) < 0.01);
    arena_free(a);
}

static void dyck_openings(void **state)
{
    enum { N = 3000, L = 40 };
    arena *a = arena_new();
    const dataset data = open_task("dyck", "{ kinds: 3, depth: 4, open: 0.7 }", a);
    int free_places = 0, opened = 0, kinds[3] = {0};
    for (int i = 0; i < N; i++) {
        int input[L], target[L], depth = 0;
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        for (int t = 0; t < L; t++) {
            if (depth > 0 && depth < 4) {
                free_places++;
                opened += input[t] < 3;
            }
            if (input[t] < 3)
                kinds[input[t]]++;
            depth += input[t] < 3 ? 1 : -1;
            assert_in_range(depth, 0, 4);
        }
    }
    const double all = kinds[0] + kinds[1] + kinds[2];
    assert_true(fabs((double)opened / free_places - 0.7) < 0.01);
    for (int k = 0; k < 3; k++)
        assert_true(fabs(kinds[k] / all - 1.0 / 3) < 0.01);
    arena_free(a);
}

// ---- recognition of balanced texts: all texts of four brackets of two kinds, as numbers of base 4, and how likely each is

enum { TEXTS = 256, BRACKETS = 4 };

static void text_of(int number, int *text)
{
    for (int t = BRACKETS - 1; t >= 0; t--, number /= 4)
        text[t] = number % 4;
}

static int number_of(const int *text) { return 64 * text[0] + 16 * text[1] + 4 * text[2] + text[3]; }

static bool closes(int a, int b) { return a < 2 && b == a + 2; }

static bool is_balanced(int number)
{
    int x[BRACKETS];
    text_of(number, x);
    return (closes(x[0], x[1]) && closes(x[2], x[3])) || (closes(x[0], x[3]) && closes(x[1], x[2]));
}

// One edit: half of the time one bracket is any other, half of the time one is taken out and put in anywhere.
static void edit_all(const double *before, double *after)
{
    memset(after, 0, TEXTS * sizeof *after);
    for (int number = 0; number < TEXTS; number++)
        for (int from = 0; from < BRACKETS; from++)
            for (int k = 0; k < BRACKETS; k++) {            // k: another bracket, and the place that it goes to
                int text[BRACKETS], moved[BRACKETS];
                text_of(number, text);
                for (int t = 0, s = 0; t < BRACKETS; t++) {
                    s += s == from;
                    moved[t] = t == k ? text[from] : text[s++];
                }
                after[number_of(moved)] += before[number] / 2 / (BRACKETS * BRACKETS);
                if (k == text[from])
                    continue;
                text[from] = k;
                after[number_of(text)] += before[number] / 2 / (BRACKETS * 3);
            }
}

// Nothing is open: open. Then one in two opens a second, which both close; else the first closes and another pair follows.
static void exact_texts(double *probability)
{
    double uniform[TEXTS], edited[TEXTS] = {0}, now[TEXTS], then[TEXTS], share = 1, sums[2] = {0};
    for (int i = 0; i < TEXTS; i++) {
        now[i] = is_balanced(i) ? 1.0 / 8 : 0;                      // two shapes, four choices of kinds
        probability[i] = now[i] / 2;
        uniform[i] = 1;
    }
    for (int edits = 1; edits < 50; edits++) {
        edit_all(now, then);
        memcpy(now, then, sizeof now);
        share /= 2;
        for (int i = 0; i < TEXTS; i++)
            edited[i] += share * now[i];
    }
    for (int i = 0; i < TEXTS; i++) {
        sums[0] += is_balanced(i) ? 0 : uniform[i];
        sums[1] += is_balanced(i) ? 0 : edited[i];
    }
    for (int i = 0; i < TEXTS; i++)
        probability[i] += is_balanced(i) ? 0 : uniform[i] / sums[0] / 4 + edited[i] / sums[1] / 4;
}

static void dyck_recognition(void **state)
{
    enum { N = 200000 };
    arena *a = arena_new();
    const dataset data = open_task("dyck", "{ form: recognition, scored: mark }", a);
    static int count[TEXTS];
    double probability[TEXTS];
    for (int i = 0; i < N; i++) {
        int input[BRACKETS + 1], target[BRACKETS + 1];
        dataset_example(&data, SPLIT_TRAIN, BRACKETS, i, input, target);
        assert_int_equal(target[BRACKETS], is_balanced(number_of(input)));
        count[number_of(input)]++;
    }
    exact_texts(probability);
    expect_distribution(count, probability, TEXTS, "texts of four brackets");
    arena_free(a);
}

static void dyck_is_half_balanced(void **state)
{
    enum { N = 20000, L = 60 };
    arena *a = arena_new();
    const dataset data = open_task("dyck", "{ form: recognition, scored: last, kinds: 3, depth: 5, open: 0.6 }", a);
    int balanced[2] = {0};
    for (int i = 0; i < N; i++) {
        int input[L], target[L];
        dataset_example(&data, SPLIT_TEST, L, i, input, target);
        balanced[target[L - 1]]++;
    }
    expect_distribution(balanced, NULL, 2, "balanced texts");
    arena_free(a);
}

// ( left operator right ) of nine tokens: the left part has 1 … 5 of them, each as often.
static void brackets(void **state)
{
    enum { N = 20000, L = 9 };
    arena *a = arena_new();
    const dataset data = open_task("modular-arithmetic", "{ brackets: true }", a);
    int count[6] = {0};
    for (int i = 0; i < N; i++) {
        int input[L + 1], target[L + 1], left = 0, depth = 0;
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        assert_true(input[0] == 8 && input[L - 1] == 9 && input[L] == 10);
        for (bool digit = false; !digit || depth > 0;) {        // up to the first digit, and what is open there
            const int token = input[1 + left++];
            digit |= token < 5;
            depth += token == 8 ? 1 : token == 9 ? -1 : 0;
        }
        count[left]++;
    }
    for (int left = 1; left <= 5; left++)
        assert_true(fabs(count[left] / (double)N - 0.2) < 0.015);
    arena_free(a);
}

static void expect_space(const char *task, const char *options, int length, double texts)
{
    arena *a = arena_new();
    const dataset data = open_task(task, options, a);
    const double space = data.task->space(data.self, length);
    if (!(fabs(space - log2(texts)) < 1e-9))
        fail_msg("%s %s, length %d: %g texts, expected %g", task, options, length, exp2(space), texts);
    arena_free(a);
}

static void spaces(void **state)
{
    expect_space("parity", "{}", 20, 1 << 20);
    expect_space("cycle-navigation", "{}", 3, 27);
    expect_space("modular-arithmetic", "{}", 5, 125 * 9);
    expect_space("modular-arithmetic", "{ multiply: false, modulus: 3 }", 3, 9 * 2);
    expect_space("modular-arithmetic", "{ brackets: true }", 4, 5);
    expect_space("modular-arithmetic", "{ brackets: true }", 5, 25 * 3);
    expect_space("modular-arithmetic", "{ brackets: true }", 8, 4 * 25 * 3);
    expect_space("modular-arithmetic", "{ brackets: true }", 9, 3 * 25 * 3 + 2 * 125 * 9);      // two of five parts are bracketed
    expect_space("dyck", "{}", 1, 2);
    expect_space("dyck", "{}", 2, 2 * 3);                       // close it, or one of two
    expect_space("dyck", "{ depth: 1 }", 6, 8);
    expect_space("dyck", "{ form: recognition, scored: last }", 4, 2 * 4);
    expect_space("dyck", "{ form: recognition, scored: last }", 8, 13 * 16);                    // one of 14 shapes is too deep
    expect_space("dyck", "{ form: recognition, scored: last, kinds: 1, depth: 4096 }", 8, 14);
    expect_space("flip-flop", "{}", 4, 2);
    expect_space("flip-flop", "{}", 6, 2 * (2 + 2 + 1));        // w b, then w b, i b or r, then the last r
}

static void automaton_from_a_file(void **state)
{
    arena *a = arena_new();
    const dataset data = open_task("automaton", "{ definition: '" TEST_DATA "/automata/remainder-3.yaml' }", a);
    int input[20], target[20], value = 0;
    dataset_example(&data, SPLIT_TRAIN, 20, 0, input, target);
    for (int t = 0; t < 20; t++) {
        value = (2 * value + input[t]) % 3;
        assert_int_equal(target[t], value);
    }
    assert_int_equal(data.task->size(data.self).output, 3);
    assert_string_equal(data.task->symbol(data.self, 1, a), "one");
    arena_free(a);
}

// Opens an automaton from a file with these lines and says what is reported, without the file's name.
static const char *report_of(const char *text, arena *a)
{
    char path[] = "/tmp/automaton-XXXXXX", *said;
    size_t bytes;
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    diag *d = diag_new();
    dataset data;
    const bool opened = open_dataset(&data, "automaton", arena_text(a, "{ definition: '%s' }", path), 1, a, d);
    FILE *out = open_memstream(&said, &bytes);
    diag_print(d, out);
    fclose(out);
    unlink(path);
    assert_int_equal(opened, diag_errors(d) == 0);
    const char *copy = arena_copy(a, strstr(said, path) ? said + strlen(path) : said);
    free(said);
    diag_free(d);
    return copy;
}

static void wrong_automata(void **state)
{
    static const struct { const char *text, *report; } wrong[] = {
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\nnext: [[p, q], [q, p]]\noutput: [0, 1]\n", "" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\nnext:\n  - [p, q]\n  - [q, qq]\noutput: [0, 1]\n",
          ":6:9: error: 'qq' is not among the states\n" },
        { "symbols: [a, b]\nstates: [even, odd]\nstart: even\nnext:\n  - [evne, odd]\n  - [odd, even]\noutput: [0, 1]\n",
          ":5:6: error: 'evne' is not among the states; did you mean 'even'?\n" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\nnext:\n  - [p, q]\n  - [q]\noutput: [0, 1]\n",
          ":6:5: error: next: 1 entries for state 'q' and 2 symbols\n" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\nnext:\n  - [p, q]\noutput: [0, 1]\n",
          ":5:3: error: next: 1 rows for 2 states\n" },
        { "symbols: [a, b]\nstates: [p, q, r]\nstart: p\nnext: [[p, q], [q, p], [r, p]]\noutput: [0, 1, 1]\n",
          ":2:16: error: state 'r' cannot be reached from 'p'\n" },
        { "symbols: [a, a]\nstates: [p, q]\nstart: p\nnext: [[p, q], [q, p]]\noutput: [0, 1]\n",
          ":1:14: error: symbols: 'a' stands there twice\n" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: s\nnext: [[p, q], [q, p]]\noutput: [0, 1]\n",
          ":3:8: error: 's' is not among the states\n" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\nnext: [[p, q], [q, p]]\noutput: [0]\n",
          ":5:9: error: output: 1 numbers for 2 states\n" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\nnext: [[p, q], [q, p]]\noutput: [0, 0]\n",
          ":5:9: error: output: every state says 0; there is nothing to learn\n" },
        { "symbols: [a, b]\nstates: [p, q]\nstart: p\noutput: [0, 1]\n",
          ":1:1: error: 'next' must be given: a row a state: the next state for each symbol\n" },
        { "symbols: []\nstates: [p, q]\nstart: p\nnext: [[], []]\noutput: [0, 1]\n",
          ":1:10: error: symbols: 0 names; there must be 1 to 1024\n" } };
    for (size_t i = 0; i < LEN(wrong); i++) {
        arena *a = arena_new();
        const char *report = report_of(wrong[i].text, a);
        if (strcmp(report, wrong[i].report))
            fail_msg("%sis answered with\n%sexpected\n%s", wrong[i].text, report, wrong[i].report);
        arena_free(a);
    }
}

static void wrong_options(void **state)
{
    static const struct { const char *task, *options, *message; } wrong[] = {
        { "automaton", "{}", "'definition' must be given" },
        { "automaton", "{ definition: /nowhere/at-all.yaml }", "/nowhere/at-all.yaml" },
        { "automaton", "{ definition: { symbols: [a], states: [p], start: q, next: [[p]], output: [1] } }",
          "test:1:1: error: 'q' is not among the states" },
        { "dyck", "{ kinds: 4, depth: 12 }", "4 kinds of brackets nested 12 deep make more than 16384 stacks" },
        { "dyck", "{ form: recognition }", "form: recognition asks about a whole text: write scored: last or scored: mark" },
        { "modular-arithmetic", "{ brackets: true, scored: all }", "scored: all has no meaning with brackets" },
        { "cycle-navigation", "{ modulus: 1 }", "'modulus' is 1, outside [2, 16384]" } };
    for (size_t i = 0; i < LEN(wrong); i++)
        expect_refusal(wrong[i].task, wrong[i].options, wrong[i].message);
}

static void lengths(void **state)
{
    static const struct { const char *task, *options; int length; const char *why; } cases[] = {
        { "parity", "{}", 0, "length 0 is below 1" }, { "modular-arithmetic", "{}", 4, "length 4 is not odd" },
        { "flip-flop", "{}", 2, "length 2 is below 4" }, { "flip-flop", "{}", 7, "length 7 is not even" },
        { "dyck", "{ form: recognition, scored: last }", 5, "length 5 is not even" } };
    for (size_t i = 0; i < LEN(cases); i++) {
        arena *a = arena_new();
        const dataset data = open_task(cases[i].task, cases[i].options, a);
        char why[128] = "";
        assert_false(data.task->fits(data.self, cases[i].length, why, sizeof why));
        assert_string_equal(why, cases[i].why);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floors), cmocka_unit_test(precedence_prefers_zero), cmocka_unit_test(balance),
        cmocka_unit_test(flip_flop_instructions), cmocka_unit_test(dyck_openings), cmocka_unit_test(dyck_recognition),
        cmocka_unit_test(dyck_is_half_balanced), cmocka_unit_test(brackets),
        cmocka_unit_test(spaces), cmocka_unit_test(automaton_from_a_file), cmocka_unit_test(wrong_automata),
        cmocka_unit_test(wrong_options), cmocka_unit_test(lengths) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
