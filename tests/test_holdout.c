// Held-out transitions: which they are, that training draws the others alike, what is left of the space, what is refused.
#include "tests/task_tools.h"
#include "tasks/holdout.h"

enum { MOST = 120 };                    // states, symbols

// How often each pair of state and symbol comes. Read off inputs and targets, where every target is the state.
typedef struct pairs { int states, symbols, count[MOST * MOST]; } pairs;

static void count_pairs(const dataset *data, data_split split, int length, int examples, pairs *p)
{
    const task_size size = data->task->size(data->self);
    p->states = size.output;
    p->symbols = size.input;
    for (int i = 0; i < examples; i++) {
        int input[MOST_TOKENS], target[MOST_TOKENS];
        dataset_example(data, split, length, i, input, target);
        for (int t = 0; t < length; t++)
            p->count[(t ? target[t - 1] : 0) * p->symbols + input[t]]++;
    }
}

static int different(const pairs *p)
{
    int n = 0;
    for (int i = 0; i < p->states * p->symbols; i++)
        n += p->count[i] > 0;
    return n;
}

static const struct { const char *task, *options; int all, held; } sets[] = {       // all: that there are
    { "word-problem",     "{ group: S3, holdout_transitions: 0.25 }",                        36,   9 },
    { "word-problem",     "{ group: S3, holdout_transitions: 0.5, composition: left }",      36,   18 },
    { "word-problem",     "{ group: A4, holdout_transitions: 0.1, disjoint: hash }",         144,  14 },
    { "word-problem",     "{ group: Z7, symbols: generators, holdout_transitions: 0.3 }",    21,   6 },
    { "word-problem",     "{ group: S4, symbols: [0, 1, 9], holdout_transitions: 0.4 }",     72,   29 },
    { "cycle-navigation", "{ holdout_transitions: 0.2 }",                                    15,   3 },
    { "cycle-navigation", "{ modulus: 7, holdout_transitions: 0.5 }",                        21,   11 },
    { "parity",           "{ holdout_transitions: 0.25 }",                                   4,    1 } };

// Test data have every pair, training and validation data all but the share; and the task marks exactly these.
static void a_share_of_the_pairs(void **state)
{
    for (size_t s = 0; s < LEN(sets); s++) {
        arena *a = arena_new();
        const dataset data = open_task(sets[s].task, sets[s].options, a);
        static pairs trained, tested;
        memset(&trained, 0, sizeof trained);
        memset(&tested, 0, sizeof tested);
        count_pairs(&data, SPLIT_TRAIN, 30, 3000, &trained);
        count_pairs(&data, SPLIT_VALIDATION, 30, 1000, &trained);
        count_pairs(&data, SPLIT_TEST, 30, 3000, &tested);
        if (different(&tested) != sets[s].all || different(&trained) != sets[s].all - sets[s].held)
            fail_msg("%s %s: %d pairs in test, %d in training", sets[s].task, sets[s].options, different(&tested),
                     different(&trained));
        for (int i = 0; i < 100; i++) {
            int input[30], target[30];
            bool taken[30];
            dataset_example(&data, SPLIT_TEST, 30, i, input, target);
            assert_int_equal(dataset_held_out(&data, input, 30, taken), 30);
            for (int t = 0; t < 30; t++)
                assert_int_equal(taken[t], !trained.count[(t ? target[t - 1] : 0) * trained.symbols + input[t]]);
        }
        arena_free(a);
    }
}

// What one seed holds out another does too, and a larger share what a smaller one does.
static void the_same_for_every_seed(void **state)
{
    static const char *const shares[] = { "0.1", "0.2", "0.4" };
    static pairs seen[LEN(shares)][2];
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(shares); i++)
        for (uint64_t seed = 1; seed <= 2; seed++) {
            dataset data;
            diag *d = diag_new();
            assert_true(open_dataset(&data, "word-problem", arena_text(a, "{ group: A4, holdout_transitions: %s }", shares[i]),
                                     seed, a, d));
            count_pairs(&data, SPLIT_TRAIN, 30, 3000, &seen[i][seed - 1]);
            diag_free(d);
        }
    for (size_t i = 0; i < LEN(shares); i++)
        for (int pair = 0; pair < 144; pair++) {
            assert_int_equal(seen[i][0].count[pair] > 0, seen[i][1].count[pair] > 0);
            assert_true(i == 0 || seen[i - 1][0].count[pair] || !seen[i][0].count[pair]);
        }
    arena_free(a);
}

// In every state the symbols that are left come alike; where symbols have shares of their own, in the proportion of these.
static void the_others_are_drawn_alike(void **state)
{
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: A4, holdout_transitions: 0.3 }", a);
    static pairs seen;
    count_pairs(&data, SPLIT_TRAIN, 40, 10000, &seen);
    for (int s = 0; s < 12; s++) {
        int count[12], n = 0;
        for (int x = 0; x < 12; x++)
            if (seen.count[s * 12 + x])
                count[n++] = seen.count[s * 12 + x];
        expect_distribution(count, NULL, n, arena_text(a, "symbols in state %d", s));
    }
    const dataset flips = open_task("flip-flop", "{ ignore: 0.6, holdout_transitions: 0.1 }", a);
    int instructions[3] = {0};
    for (int i = 0; i < 3000; i++) {
        int input[40], target[40];
        dataset_example(&flips, SPLIT_TRAIN, 40, i, input, target);
        for (int t = 2; t < 38; t += 2)
            instructions[input[t] - 2]++;
    }
    expect_distribution(instructions, (const double[]){ 0.2, 0.6, 0.2 }, 3, "instructions");
    arena_free(a);
}

// All texts of a length, by taking every one: those without a held-out transition are what training can show, and what of
// the test data endless training has shown.
static void what_is_left_of_the_space(void **state)
{
    static const struct { const char *task, *options; int symbols, length; } few[] = {
        { "parity", "{ holdout_transitions: 0.25 }", 2, 10 }, { "even-pairs", "{ holdout_transitions: 0.2 }", 2, 10 },
        { "cycle-navigation", "{ holdout_transitions: 0.4 }", 3, 7 } };
    for (size_t i = 0; i < LEN(few); i++) {
        arena *a = arena_new();
        const dataset data = open_task(few[i].task, few[i].options, a);
        const int all = (int)lround(pow(few[i].symbols, few[i].length));
        int left = 0;
        for (int code = 0; code < all; code++) {
            int input[16];
            bool taken[16], any = false;
            for (int t = 0, c = code; t < few[i].length; t++, c /= few[i].symbols)
                input[t] = c % few[i].symbols;
            dataset_held_out(&data, input, few[i].length, taken);
            for (int t = 0; t < few[i].length; t++)
                any |= taken[t];
            left += !any;
        }
        assert_true(left > 0 && left < all);
        assert_true(fabs(data.task->space(data.trained, few[i].length) - log2(left)) < 1e-9);
        assert_true(fabs(dataset_overlap(&data, few[i].length, 1e9) - (double)left / all) < 1e-9);
        arena_free(a);
    }
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: S5, holdout_transitions: 0.25 }", a);
    assert_true(fabs(data.task->space(data.trained, 4) - 4 * log2(120 * 0.75)) < 1e-9);
    assert_true(fabs(dataset_overlap(&data, 2, 1e9) - 0.75 * 0.75) < 1e-9);
    const dataset apart = open_task("word-problem", "{ group: S3, holdout_transitions: 0.25, disjoint: hash }", a);
    char why[256];
    assert_false(dataset_fits(&apart, 4, why, sizeof why));         // 6^4 are enough, 4.5^4 are not
    assert_string_equal(why, "disjoint: hash needs 1024 different examples, length 4 has 410");
    arena_free(a);
}

// Tests of a small automaton by hand: what must stay, stays.
static void keeps_what_training_needs(void **state)
{
    static const int next[] = { 0, 1,   1, 2,   2, 0 };         // 0 stays, 1 goes round
    static const bool loop_needed[] = { true, false, false, false, true, false };
    arena *a = arena_new();
    diag *d = diag_new();
    const bool *held = holdout_choose(&(transitions){ 3, 2, 0, next, NULL }, 2.0 / 6, a, (mark){0}, d);
    assert_non_null(held);
    for (int s = 0; s < 3; s++)
        assert_true(!held[2 * s + 1]);                          // without it the next state would be lost
    assert_int_equal(held[0] + held[2] + held[4], 2);           // all three, and symbol 0 would be nowhere
    assert_null(holdout_choose(&(transitions){ 3, 2, 0, next, NULL }, 0.5, a, (mark){0}, d));
    held = holdout_choose(&(transitions){ 3, 2, 0, next, loop_needed }, 1.0 / 6, a, (mark){0}, d);
    assert_true(held[2]);
    assert_null(holdout_choose(&(transitions){ 3, 2, 0, next, loop_needed }, 2.0 / 6, a, (mark){0}, d));
    static const int ends[] = { 1, 1,   1, -1 };                // the last state has one symbol only
    held = holdout_choose(&(transitions){ 2, 2, 0, ends, NULL }, 1.0 / 3, a, (mark){0}, d);
    assert_true(held && !held[2] && held[0] != held[1]);
    static const bool others_needed[] = { true, true, false, false };
    assert_null(holdout_choose(&(transitions){ 2, 2, 0, ends, others_needed }, 1.0 / 3, a, (mark){0}, d));
    static const int away[] = { 0, 0,   1, 0 };                 // nobody gets to the second: there are two transitions
    assert_null(holdout_choose(&(transitions){ 2, 2, 0, away, NULL }, 0.3, a, (mark){0}, d));
    diag_free(d);
    arena_free(a);
}

static void refusals(void **state)
{
    static const struct { const char *task, *options, *message; } wrong[] = {
        { "parity", "{ holdout_transitions: 0.5 }",
          "holdout_transitions: 0.5 of 4 transitions are 2; training can do without 1 of them, which is 0.25" },
        { "parity", "{ holdout_transitions: 0.1 }", "holdout_transitions: 0.1 of 4 transitions is none; one of them is 0.25" },
        { "parity", "{ holdout_transitions: 0.6 }", "'holdout_transitions' is 0.6, outside [0, 0.5]" },
        { "flip-flop", "{ holdout_transitions: 0.3 }",
          "holdout_transitions: 0.3 of 15 transitions are 5; training can do without 2 of them, which is 0.1333" },
        { "word-problem", "{ group: S5, symbols: transpositions, factors: 4, holdout_transitions: 0.1 }",
          "holdout_transitions goes with factors: 1 and delay: 0" },
        { "word-problem", "{ group: S5, delay: 1, holdout_transitions: 0.1 }", "goes with factors: 1 and delay: 0" },
        { "word-problem", "{ group: S7, symbols: generators, holdout_transitions: 0.1 }",
          "holdout_transitions: S7 has 25401600 pairs of elements, more than 1048576" },
        { "modular-arithmetic", "{ brackets: true, holdout_transitions: 0.1 }",
          "holdout_transitions has no meaning with brackets, whose states are without number" },
        { "mqar", "{ holdout_transitions: 0.1 }", "unknown key 'holdout_transitions'" } };
    for (size_t i = 0; i < LEN(wrong); i++)
        expect_refusal(wrong[i].task, wrong[i].options, wrong[i].message);
}

// The identities between symbols come in every state, so that none of them is held out.
static void identities_are_needed(void **state)
{
    arena *a = arena_new();
    const dataset data = open_task("word-problem", "{ group: S3, tokens_per_symbol: 2, between: identity, "
                                                   "holdout_transitions: 0.4 }", a);
    int marked = 0;
    for (int i = 0; i < 2000; i++) {
        int input[20], target[20];
        bool taken[20];
        dataset_example(&data, SPLIT_TEST, 10, i, input, target);
        assert_int_equal(dataset_held_out(&data, input, 20, taken), 10);
        for (int t = 0; t < 20; t++) {
            assert_true(!taken[t] || (t % 2 == 0 && input[t] != 0));
            marked += taken[t];
        }
    }
    assert_true(fabs(marked / 20000.0 - 14 / 36.0) < 0.02);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_the_pairs), cmocka_unit_test(the_same_for_every_seed),
        cmocka_unit_test(the_others_are_drawn_alike), cmocka_unit_test(what_is_left_of_the_space),
        cmocka_unit_test(keeps_what_training_needs), cmocka_unit_test(refusals), cmocka_unit_test(identities_are_needed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
