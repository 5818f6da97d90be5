// The word problem: products on both sides, which positions are asked, uniform and independent data, floors by formula.
#include "tests/task_tools.h"

// A window of eight symbols over eight symbols is the whole answer: the task's own product against published vectors.
static void golden_vectors(void **state)
{
    static const struct { const char *options; int n, input[8], target[8]; } golden[] = {
        { "{ group: S3 }",                    5, { 1, 2, 3, 4, 5 },                 { 1, 4, 0, 4, 2 } },
        { "{ group: S3, composition: left }", 5, { 1, 2, 3, 4, 5 },                 { 1, 3, 4, 3, 2 } },
        { "{ group: S5 }",                    8, { 1, 24, 6, 119, 33, 1, 1, 57 },   { 1, 25, 31, 91, 98, 99, 98, 48 } },
        { "{ group: S5, composition: left }", 8, { 1, 24, 6, 119, 33, 1, 1, 57 },   { 1, 25, 49, 70, 76, 100, 76, 108 } },
        { "{ group: A5 }",                    8, { 1, 2, 3, 59, 30, 17, 17, 17 },   { 1, 0, 3, 46, 16, 30, 38, 9 } },
        { "{ group: A5, composition: left }", 8, { 1, 2, 3, 59, 30, 17, 17, 17 },   { 1, 0, 3, 56, 48, 40, 5, 23 } } };
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(golden); i++) {
        const dataset data = open_task("word-problem", golden[i].options, a);
        int output[8];
        find_floor(&data, "last-8-symbols")->predict(data.self, golden[i].input, golden[i].n, output);
        assert_memory_equal(output, golden[i].target, golden[i].n * sizeof *output);
    }
    arena_free(a);
}

static void asked_positions(void **state)
{
    static const struct { const char *options, *asked; bool prefixes; } cases[] = {     // of length 4
        { "{ group: S5 }",                                     "xxxx",  true },
        { "{ group: S5, start: bos }",                         ".xxxx", true },
        { "{ group: S5, scored: all-but-last }",               "xxx.",  false },
        { "{ group: S5, scored: all-but-first }",              ".xxx",  false },
        { "{ group: S5, scored: last }",                       "...x",  false },
        { "{ group: S5, scored: all-but-last, start: bos }",   ".xxx.", false },
        { "{ group: S5, scored: all-but-first, start: bos }",  "..xxx", false },
        { "{ group: S5, scored: last, start: bos }",           "....x", false } };
    arena *a = arena_new();
    const dataset plain = open_task("word-problem", "{ group: S5 }", a);
    int symbols[4], states[4];
    dataset_example(&plain, SPLIT_TRAIN, 4, 7, symbols, states);
    for (size_t i = 0; i < LEN(cases); i++) {
        const dataset data = open_task("word-problem", cases[i].options, a);
        const int bos = strstr(cases[i].options, "bos") != NULL;
        int input[5], target[5];
        assert_int_equal(dataset_tokens(&data, 4), 4 + bos);
        assert_int_equal(data.task->size(data.self).input, 120 + bos);
        assert_int_equal(data.task->size(data.self).output, 120);
        assert_int_equal(data.task->prefixes(data.self), cases[i].prefixes);
        dataset_example(&data, SPLIT_TRAIN, 4, 7, input, target);
        assert_memory_equal(input + bos, symbols, sizeof symbols);              // the options change no symbol
        assert_true(!bos || input[0] == 120);
        for (int t = 0; t < 4 + bos; t++)
            assert_int_equal(target[t], cases[i].asked[t] == 'x' ? states[t - bos] : TASK_IGNORE);
    }
    assert_string_equal(plain.task->symbol(plain.self, 1, a), "01243");
    arena_free(a);
}

static void lengths(void **state)
{
    arena *a = arena_new();
    char why[128] = "";
    const dataset all = open_task("word-problem", "{ group: S5 }", a),
        part = open_task("word-problem", "{ group: S5, scored: all-but-last }", a);
    assert_true(all.task->fits(all.self, 1, why, sizeof why) && !*why);
    assert_false(all.task->fits(all.self, 0, why, sizeof why));
    assert_string_equal(why, "scored: all needs at least 1 symbol");
    assert_false(part.task->fits(part.self, 1, why, sizeof why));
    assert_string_equal(why, "scored: all-but-last needs at least 2 symbols");
    assert_true(part.task->fits(part.self, 2, why, sizeof why));
    assert_true(fabs(all.task->space(all.self, 4) - 4 * log2(120)) < 1e-12);
    arena_free(a);
}

static void wrong_options(void **state)
{
    static const struct { const char *options, *message; } wrong[] = {
        { "{ group: Q8 }",  "group 'Q8' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "{ group: S12 }", "group 'S12': n of Sn is outside [2, 10]" },
        { "{ start: bos }", "group" },
        { "{ group: S5, scored: none }", "scored" },
        { "{ group: S5, symbols: some }", "symbols" },
        { "{ group: Z60, symbols: transpositions }", "symbols: Z60 is neither Sn nor An: its elements move no points" },
        { "{ group: A4xZ5, symbols: { moves: 3 } }", "symbols: A4xZ5 is neither Sn nor An" },
        { "{ group: A5, symbols: transpositions }",
          "symbols: their products are 1 of the 60 elements of A5; name the smaller group instead" },
        { "{ group: S5, symbols: [1, 2, 3] }", "symbols: their products are 6 of the 120 elements of S5" },
        { "{ group: S3, symbols: [1, 6] }", "symbols: 6 is no element of S3, which has 6" },
        { "{ group: S3, symbols: [1, 2, 1] }", "symbols: 1 stands there twice" },
        { "{ group: S3, symbols: [] }", "symbols: the list is empty" },
        { "{ group: S3, tokens_per_symbol: 2, delay: 1 }", "delay: 1 and between: filler don't go together" } };
    for (size_t i = 0; i < LEN(wrong); i++)
        expect_refusal("word-problem", wrong[i].options, wrong[i].message);
}

static void expect_uniform(const int *count, int cells, const char *what, int t)
{
    arena *a = arena_new();
    expect_distribution(count, NULL, cells, arena_text(a, "%s at %d", what, t));
    arena_free(a);
}

// Symbols and states at every position; pairs (symbol, next symbol), (symbol, state before), and first symbols of neighbours.
static void distribution(void **state)
{
    enum { L = 8, N = 60000, G = 60 };
    static int symbol[L][G], product[L][G], next[L][G * G], before[L][G * G], neighbour[G * G], split[G * G], lengths_pair[G * G];
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: A5 }", a);
    int first = -1;
    for (int i = 0; i < N; i++) {
        int input[L], target[L], other[L + 1], unused[L + 1];
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        for (int t = 0; t < L; t++) {
            symbol[t][input[t]]++;
            product[t][target[t]]++;
            if (t > 0) {
                next[t][input[t - 1] * G + input[t]]++;
                before[t][target[t - 1] * G + input[t]]++;
            }
        }
        if (i > 0)
            neighbour[first * G + input[0]]++;
        first = input[0];
        dataset_example(&data, SPLIT_TEST, L, i, other, unused);
        split[first * G + other[0]]++;
        dataset_example(&data, SPLIT_TRAIN, L + 1, i, other, unused);
        lengths_pair[first * G + other[0]]++;
    }
    for (int t = 0; t < L; t++) {
        expect_uniform(symbol[t], G, "symbols", t);
        expect_uniform(product[t], G, "states", t);
        if (t > 0) {
            expect_uniform(next[t], G * G, "pairs of symbols", t);
            expect_uniform(before[t], G * G, "pairs of state and symbol", t);
        }
    }
    expect_uniform(neighbour, G * G, "first symbols of examples i and i + 1", 0);
    expect_uniform(split, G * G, "first symbols of training and test", 0);
    expect_uniform(lengths_pair, G * G, "first symbols of two lengths", 0);
    arena_free(a);
}

// A window of w symbols errs at (L − w)/L · (1 − 1/|G|) of the positions: 1 − (w + (L − w)/120)/L on S5.
static void floors(void **state)
{
    enum { N = 4000 };
    static const struct { const char *name; int window; } known[] = {
        { "most-frequent", 0 }, { "last-symbol", 1 }, { "last-2-symbols", 2 }, { "last-4-symbols", 4 }, { "last-8-symbols", 8 } };
    static const struct { const char *options; int size, length; } sets[] = {
        { "{ group: S5 }", 120, 18 }, { "{ group: S5, composition: left, start: bos }", 120, 18 }, { "{ group: A5 }", 60, 12 },
        { "{ group: S3, start: bos }", 6, 9 }, { "{ group: S5 }", 120, 6 } };
    arena *a = arena_new();
    for (size_t s = 0; s < LEN(sets); s++) {
        const dataset data = open_task("word-problem", sets[s].options, a);
        const int L = sets[s].length;
        for (size_t f = 0; f < LEN(known); f++) {
            const int w = known[f].window < L ? known[f].window : L;
            const double chance = 1.0 / sets[s].size, expected = 1 - (w + (L - w) * chance) / L;
            const double share = floor_error(&data, known[f].name, L, N), sd = sqrt(chance * (1 - chance) / ((double)N * L));
            if (!(fabs(share - expected) <= 4.5 * sd))
                fail_msg("%s of %s: error %.5f, expected %.5f", known[f].name, sets[s].options, share, expected);
        }
        assert_true(fabs(dataset_chance(&data) - (1 - 1.0 / sets[s].size)) < 1e-15);
    }
    arena_free(a);
}

// 6000 steps of 128 show all of S5², 36 % of S5³, 0.4 % of S5⁴.
static void overlap(void **state)
{
    const double draws = 6000 * 128;
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: S5 }", a),
        few = open_task("word-problem", "{ group: S3, scored: all-but-last }", a);
    assert_true(dataset_overlap(&data, 2, draws) > 0.9999999);
    assert_true(fabs(dataset_overlap(&data, 3, draws) - 0.3588) < 1e-4);
    assert_true(fabs(dataset_overlap(&data, 4, draws) - 0.003697) < 1e-6);
    assert_true(fabs(dataset_overlap(&data, 100, draws) / (draws * pow(120, -100)) - 1) < 1e-9);       // small, not lost
    assert_true(dataset_overlap(&data, 178, draws) == 0);                      // 1e-365
    assert_int_equal(dataset_novel_from(&data, draws, 18), 4);
    assert_int_equal(dataset_novel_from(&data, draws, 3), 4);                  // none up to 3
    assert_int_equal(dataset_novel_from(&few, 0, 18), 2);                      // 1 doesn't fit
    assert_int_equal(dataset_novel_from(&few, draws, 18), 11);                 // 6^10 = 6.0e7, 6^11 = 3.6e8
    arena_free(a);
}

// Which elements are drawn: each of a set as often as another, and no other.
static void symbol_sets(void **state)
{
    static const struct { const char *options; int n, elements[16]; } sets[] = {
        { "{ group: S5, symbols: generators }",     5,  { 1, 2, 6, 24, 33 } },
        { "{ group: S5, symbols: transpositions }", 11, { 0, 1, 2, 5, 6, 14, 21, 24, 54, 80, 105 } },
        { "{ group: S5, symbols: { moves: 2 } }",   11, { 0, 1, 2, 5, 6, 14, 21, 24, 54, 80, 105 } },
        { "{ group: Z5, symbols: [4, 1, 0] }",      3,  { 0, 1, 4 } } };
    for (size_t i = 0; i < LEN(sets); i++) {
        arena *a = arena_new();
        const dataset data = open_task("word-problem", sets[i].options, a);
        int drawn[120] = {0}, count[16], all = 0;
        for (int k = 0; k < 20000; k++) {
            int input[3], target[3];
            dataset_example(&data, SPLIT_TRAIN, 3, k, input, target);
            for (int t = 0; t < 3; t++)
                drawn[input[t]]++;
        }
        for (int k = 0; k < sets[i].n; k++)
            all += count[k] = drawn[sets[i].elements[k]];
        assert_int_equal(all, 60000);
        expect_uniform(count, sets[i].n, sets[i].options, 0);
        assert_true(fabs(data.task->space(data.self, 3) - 3 * log2(sets[i].n)) < 1e-9);
        arena_free(a);
    }
}

// Two exchanges or identities: each of the eleven undoes itself alone, so that 11 of 121 products are the identity.
static void factors(void **state)
{
    enum { N = 30000 };
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: S5, symbols: transpositions, factors: 2 }", a);
    int identities = 0;
    for (int k = 0; k < N; k++) {
        int input[1], target[1];
        dataset_example(&data, SPLIT_TRAIN, 1, k, input, target);
        identities += input[0] == 0;
    }
    assert_true(fabs(identities / (double)N - 1.0 / 11) < 0.008);
    assert_true(fabs(data.task->space(data.self, 1) - log2(120)) < 1e-9);       // 121 products have no more room
    arena_free(a);
}

// The likeliest state after t symbols of four adjacent transpositions and the cycle; the floors skip what stands between.
static void generators_are_not_uniform(void **state)
{
    static const struct { int t; double share; } known[] = { { 1, .20 }, { 2, .16 }, { 4, .054 }, { 8, .018 } };
    enum { N = 40000, L = 8 };
    static int count[L][120];
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: S5, symbols: generators }", a);
    for (int k = 0; k < N; k++) {
        int input[L], target[L];
        dataset_example(&data, SPLIT_TRAIN, L, k, input, target);
        for (int t = 0; t < L; t++)
            count[t][target[t]]++;
    }
    for (size_t i = 0; i < LEN(known); i++) {
        int most = 0;
        for (int state_ = 0; state_ < 120; state_++)
            most = count[known[i].t - 1][state_] > most ? count[known[i].t - 1][state_] : most;
        assert_true(fabs((double)most / N - known[i].share) < 0.01);
    }
    const dataset slow = open_task("word-problem", "{ group: S5, tokens_per_symbol: 3, start: bos }", a);
    int input[32], target[32], output[32];
    dataset_example(&slow, SPLIT_TRAIN, 8, 0, input, target);
    find_floor(&slow, "last-8-symbols")->predict(slow.self, input, 25, output);
    for (int t = 0; t < 25; t++)
        assert_true(target[t] == TASK_IGNORE || target[t] == output[t]);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_vectors), cmocka_unit_test(asked_positions), cmocka_unit_test(lengths),
        cmocka_unit_test(wrong_options), cmocka_unit_test(distribution), cmocka_unit_test(floors), cmocka_unit_test(overlap),
        cmocka_unit_test(symbol_sets), cmocka_unit_test(factors), cmocka_unit_test(generators_are_not_uniform) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
