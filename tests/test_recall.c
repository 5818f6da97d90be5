// Recall tasks: the distribution of mqar's keys, values, slots and fill, the floors by formula, preconditions word for word,
// and what sets its relatives apart.
#include "tests/task_tools.h"

// Ordered triples of slots first … first + slots − 1, probabilities by the definition: w₁/W · w₂/(W − w₁) · w₃/(W − w₁ − w₂).
static int exact_triples(int first, int slots, double power, double *probability)
{
    double weight[8], all = 0;
    int n = 0;
    for (int s = 0; s < slots; s++)
        all += weight[s] = power * pow(first + s, power - 1);
    for (int a = 0; a < slots; a++)
        for (int b = 0; b < slots; b++)
            for (int c = 0; c < slots; c++) {
                const bool distinct = a != b && b != c && a != c;
                const double left = all - weight[a];
                probability[n++] = distinct ? weight[a] / all * weight[b] / left * weight[c] / (left - weight[b]) : 0;
            }
    return n;
}

// Where the three keys of the context are asked, as one number.
static int read_triple(const int *input, const int *target, int length, int first, int slots)
{
    int code = 0;
    for (int key = 0; key < 3; key++)
        for (int t = 6; t < length; t += 2)
            if (input[t] == input[2 * key]) {
                assert_int_equal(target[t], input[2 * key + 1]);
                code = code * slots + (t - 6) / 2 + 1 - first;
            }
    return code;
}

static void slots_by_successive_sampling(void **state)
{
    enum { N = 60000 };
    static const struct { double power; int slots, offset; } cases[] = {
        { 0.01, 5, 0 }, { 1, 5, 0 }, { 0.5, 4, 0 }, { 3, 5, 0 }, { 0.01, 3, 0 }, { 0.01, 4, 3 } };
    for (size_t i = 0; i < LEN(cases); i++) {
        arena *a = arena_new();
        const int slots = cases[i].slots, length = 6 + 2 * (slots + cases[i].offset);
        const dataset data = open_task("mqar", arena_text(a, "{ vocabulary: 64, pairs: 3, fill: blank, power: %g, offset: %d }",
                                                          cases[i].power, cases[i].offset), a);
        double all[125], probability[125];
        int count[125] = {0}, kept[125], cells = 0;
        const int triples = exact_triples(cases[i].offset + 1, slots, cases[i].power, all);
        for (int k = 0; k < N; k++) {
            int input[MOST_TOKENS], target[MOST_TOKENS];
            dataset_example(&data, SPLIT_TRAIN, length, k, input, target);
            count[read_triple(input, target, length, cases[i].offset + 1, slots)]++;
        }
        for (int k = 0; k < triples; k++) {
            assert_true(all[k] > 0 || !count[k]);
            if (all[k] > 0) {
                probability[cells] = all[k];
                kept[cells++] = count[k];
            }
        }
        expect_distribution(kept, probability, cells,
                            arena_text(a, "slots with power %g, offset %d", cases[i].power, cases[i].offset));
        arena_free(a);
    }
}

// Keys 1 … H − 1 and values H … V − 1 uniform, pairs of them too; fills uniform over all ids, or over all but the keys.
static void keys_values_and_fill(void **state)
{
    enum { N = 60000, V = 21, H = 10, L = 12 };
    static int first[H - 1], second[(H - 1) * (H - 1)], value[V - H], fill[V], same[2];
    arena *a = arena_new();
    const dataset data = open_task("mqar", "{ vocabulary: 21, pairs: 2, power: 1 }", a);
    for (int i = 0; i < N; i++) {
        int input[L], target[L];
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        assert_true(input[0] != input[2] && input[1] != input[3] && input[1] >= H && input[3] >= H);
        first[input[0] - 1]++;
        second[(input[0] - 1) * (H - 1) + input[2] - 1]++;
        value[input[3] - H]++;
        fill[input[5]]++;                                       // second token of the first slot
        same[input[5] == input[7]]++;
    }
    double ordered[(H - 1) * (H - 1)];
    int cells = 0;
    for (int k = 0; k < (H - 1) * (H - 1); k++)
        if (k / (H - 1) != k % (H - 1)) {
            second[cells] = second[k];
            ordered[cells++] = 1.0 / ((H - 1) * (H - 2));
        }
    expect_distribution(first, NULL, H - 1, "first keys");
    expect_distribution(second, ordered, cells, "pairs of keys");
    expect_distribution(value, NULL, V - H, "values");
    expect_distribution(fill, NULL, V, "fill");
    expect_distribution(same, (const double[]){ 1 - 1.0 / V, 1.0 / V }, 2, "equal fills");
    arena_free(a);
}

static void distinct_fill_has_no_keys(void **state)
{
    enum { L = 32 };
    arena *a = arena_new();
    const dataset data = open_task("mqar", "{ vocabulary: 12, pairs: 2, fill: distinct }", a);
    bool blank = false;
    for (int i = 0; i < 2000; i++) {
        int input[L], target[L], keys = 0;
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        for (int t = 4; t < L; t++) {
            const bool key = input[t] == input[0] || input[t] == input[2];
            assert_int_equal(key, target[t] != TASK_IGNORE);
            keys += key;
            blank |= input[t] == 0;
        }
        assert_int_equal(keys, 2);
    }
    assert_true(blank);                                         // 0 may come back
    arena_free(a);
}

static void floors(void **state)
{
    static const struct { const char *task, *options, *floor; int length; double right, tolerance; } known[] = {
        { "mqar", "{ pairs: 4 }",                          "some-value", 64,  1.0 / 4,  0.005 },
        { "mqar", "{ pairs: 16 }",                         "some-value", 64,  1.0 / 16, 0.003 },
        { "mqar", "{ pairs: 4,  fill: blank }",            "in-order",   64,  0.284,    0.005 },
        { "mqar", "{ pairs: 8,  fill: blank }",            "in-order",   128, 0.147,    0.003 },
        { "mqar", "{ pairs: 16, fill: blank }",            "in-order",   64,  0.108,    0.003 },
        { "mqar", "{ pairs: 4,  fill: blank, power: 1 }",  "in-order",   64,  1.0 / 4,  0.005 },
        { "mqar-forgetting",    "{ pairs: 4, changed: 0.25 }",         "first-value", 64, 0.75,    0.005 },
        { "mqar-forgetting",    "{ pairs: 4, changed: 0.3 }",          "first-value", 64, 0.5,     0.005 },
        { "mqar-compositional", "{ pairs: 9, fill: blank, power: 1 }", "first-part",  63, 1.0 / 3, 0.005 },
        { "mqar-compositional", "{ pairs: 9, fill: blank, power: 1 }", "some-value",  63, 1.0 / 9, 0.005 },
        { "induction-heads",    "{ vocabulary: 11 }",                  "most-frequent", 20, 0.1,   0.006 },
        { "associative-recall", "{ vocabulary: 4 }",                   "latest-value", 3, 1,       0 } };
    for (size_t i = 0; i < LEN(known); i++) {
        arena *a = arena_new();
        const dataset data = open_task(known[i].task, known[i].options, a);
        const double right = 1 - floor_error(&data, known[i].floor, known[i].length, 20000);
        if (!(fabs(right - known[i].right) <= known[i].tolerance))
            fail_msg("%s %s, %s: right %.4f, expected %.4f", known[i].task, known[i].options, known[i].floor, right,
                     known[i].right);
        arena_free(a);
    }
}

// With V = 64, L = 64, 4 pairs and random fill nearly every sequence holds a context key that is not asked.
static void accidental_keys(void **state)
{
    enum { N = 10000, L = 64 };
    arena *a = arena_new();
    const dataset data = open_task("mqar", "{ vocabulary: 64, pairs: 4 }", a);
    int sequences = 0;
    for (int i = 0; i < N; i++) {
        int input[L], target[L];
        bool found = false;
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        for (int t = 8; t < L; t++)
            for (int k = 0; k < 8; k += 2)
                found |= target[t] == TASK_IGNORE && input[t] == input[k];
        sequences += found;
    }
    const double share = (double)sequences / N, expected = 1 - pow(1 - 4.0 / 64, 52);
    assert_true(fabs(expected - 0.965) < 0.001);
    assert_true(fabs(share - expected) < 0.008);
    arena_free(a);
}

// A changed key's values differ, and it is asked first no more often than another.
static void forgetting(void **state)
{
    enum { N = 20000, L = 40, ITEMS = 6 };
    arena *a = arena_new();
    const dataset data = open_task("mqar-forgetting", "{ vocabulary: 64, pairs: 4, changed: 0.5, fill: blank }", a);
    int changed_first[2] = {0};
    for (int i = 0; i < N; i++) {
        int input[L], target[L], query = 2 * ITEMS, times = 0;
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        for (int k = 0; k < ITEMS; k++)
            for (int j = 0; j < k; j++)
                assert_true(input[2 * k + 1] != input[2 * j + 1]);
        while (target[query] == TASK_IGNORE)
            query++;
        for (int k = 0; k < ITEMS; k++)
            times += input[2 * k] == input[query];
        changed_first[times - 1]++;
    }
    expect_distribution(changed_first, NULL, 2, "changed keys among those asked first");
    arena_free(a);
}

static void passes_repeat_the_context(void **state)
{
    enum { L = 40 };
    arena *a = arena_new();
    const dataset once = open_task("mqar", "{ vocabulary: 64, pairs: 3 }", a),
    thrice = open_task("mqar", "{ vocabulary: 64, pairs: 3, passes: 3 }", a);
    int input[L], target[L], plain[L], unused[L];
    dataset_example(&thrice, SPLIT_TRAIN, L, 5, input, target);
    dataset_example(&once, SPLIT_TRAIN, L, 5, plain, unused);
    for (int t = 0; t < 18; t++)
        assert_true(input[t] == plain[t % 6] && target[t] == TASK_IGNORE);
    arena_free(a);
}

static void preconditions(void **state)
{
    static const struct { const char *task, *options; int length; const char *why; } cases[] = {
        { "mqar", "{ pairs: 4 }",  16, NULL },
        { "mqar", "{ vocabulary: 12, pairs: 2 }", 16, NULL },
        { "mqar", "{ pairs: 4 }",  15, "length 15 is not a positive multiple of 2, the tokens of a slot" },
        { "mqar", "{ pairs: 4 }",  14,
          "pairs: 4, passes: 1, offset: 0 need a length of at least 16, not 14: 8 tokens of context, 4 slots of 2" },
        { "mqar", "{ pairs: 4, passes: 2, offset: 3 }", 28,
          "pairs: 4, passes: 2, offset: 3 need a length of at least 30, not 28: 16 tokens of context, 7 slots of 2" },
        { "mqar", "{}",            14, "length 14 is too short for a pair" },
        { "mqar", "{ vocabulary: 12, pairs: 6 }", 64, "pairs: 6 takes 6 keys, vocabulary: 12 has 5" },
        { "mqar", "{ vocabulary: 12, pairs: 5 }", 64, NULL },
        { "mqar", "{ pairs_per_length: 0.25 }", 40000,
          "length 40000 makes 10000 pairs and 10000 slots; 4096 and 16384 are the most" },
        { "mqar-forgetting", "{ vocabulary: 12, pairs: 4 , changed: 1 }", 64, "pairs: 4 takes 8 values, vocabulary: 12 has 6" },
        { "mqar-compositional", "{ pairs: 8 }", 63, "pairs: 8 is not a square" },
        { "mqar-compositional", "{ vocabulary: 10, pairs: 9 }", 63, "pairs: 9 takes 3 first key parts, vocabulary: 10 has 2" },
        { "mqar-compositional", "{ pairs_per_length: 0.1 }", 63, NULL },
        { "associative-recall", "{}", 2, "length 2 is below 3: a pair of 2 tokens and a query" },
        { "fuzzy-recall", "{}", 10, "length 10 is below 11: a pair of 6 tokens and a query" },
        { "copying", "{ items: 5 }", 4, "length 4 is below items: 5" },
        { "induction-heads", "{}", 2, "length 2 is below 3: the trigger, what follows it, the trigger" } };
    for (size_t i = 0; i < LEN(cases); i++) {
        arena *a = arena_new();
        const dataset data = open_task(cases[i].task, cases[i].options, a);
        char why[256] = "";
        const bool fits = data.task->fits(data.self, cases[i].length, why, sizeof why);
        if (fits != !cases[i].why || strcmp(why, cases[i].why ? cases[i].why : ""))
            fail_msg("%s %s, length %d: '%s'", cases[i].task, cases[i].options, cases[i].length, why);
        arena_free(a);
    }
}

static void two_ways_to_say_pairs(void **state)
{
    arena *a = arena_new();
    diag *d = diag_new();
    dataset data;
    assert_false(open_dataset(&data, "mqar", "{ pairs: 4, pairs_per_length: 0.125 }", 1, a, d));
    assert_int_equal(diag_errors(d), 1);
    diag_free(d);
    arena_free(a);
}

// Items stand at every choice of places alike; noise takes its share of the pairs.
static void places_and_noise(void **state)
{
    enum { N = 30000, L = 6, PAIRS = 10 };
    static int places[20], noisy[2];
    arena *a = arena_new();
    const dataset copy = open_task("selective-copying", "{ items: 3 }", a),
    noise = open_task("noisy-recall", "{ noise: 0.3 }", a);
    for (int i = 0; i < N; i++) {
        int input[32], target[32], code = 0, rank = 0;
        dataset_example(&copy, SPLIT_TRAIN, L, i, input, target);
        for (int t = 0; t < L; t++)
            code |= (input[t] != 0) << t;
        for (int lower = 0; lower < code; lower++)
            rank += __builtin_popcount(lower) == 3;
        places[rank]++;
        dataset_example(&noise, SPLIT_TRAIN, 2 * PAIRS, i, input, target);
        for (int k = 1; k < PAIRS - 1; k++)
            noisy[input[2 * k] >= 16]++;
        assert_true(input[0] < 8 && input[2 * PAIRS - 2] < 8);
    }
    expect_distribution(places, NULL, 20, "places of items");
    expect_distribution(noisy, (const double[]){ 0.7, 0.3 }, 2, "noise");
    arena_free(a);
}

// The first and the last key of a stream of motifs are of the longest kind, the one in between of every kind.
static void longest_motifs(void **state)
{
    enum { L = 40 };
    arena *a = arena_new();
    const dataset data = open_task("fuzzy-recall", "{ key_motif: 3, value_motif: 2, asked: last }", a);
    int first_tokens[4] = {0}, between[4] = {0}, last_tokens[4] = {0};
    for (int i = 0; i < 3000; i++) {
        int input[L], target[L], motif[L], n = 0, run = 0;
        dataset_example(&data, SPLIT_TRAIN, L, i, input, target);
        for (int t = 0; t < L; t++) {
            run += input[t] < 8;
            if (run > 0 && (t == L - 1 || input[t + 1] >= 8)) {
                motif[n++] = run;
                run = 0;
            }
        }
        first_tokens[motif[0]]++;
        between[motif[1]]++;
        last_tokens[motif[n - 1]]++;
    }
    assert_int_equal(first_tokens[3], 3000);
    assert_int_equal(last_tokens[3], 3000);
    expect_distribution(between + 1, NULL, 3, "tokens of keys");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_by_successive_sampling), cmocka_unit_test(keys_values_and_fill),
        cmocka_unit_test(distinct_fill_has_no_keys), cmocka_unit_test(floors), cmocka_unit_test(accidental_keys),
        cmocka_unit_test(forgetting), cmocka_unit_test(passes_repeat_the_context), cmocka_unit_test(preconditions),
        cmocka_unit_test(two_ways_to_say_pairs), cmocka_unit_test(places_and_noise),
        cmocka_unit_test(longest_motifs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
