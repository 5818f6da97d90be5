// Scans are executed here on strings that write brackets, an operator that is neither commutative nor associative: a swapped
// operand or another bracketing shows. The definition is written a third time, as the recursion of the paper.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "architectures/scan.h"
#include "base/check.h"

static const char *combine(arena *a, const char *left, const char *right) { return arena_text(a, "(%s%s)", left, right); }
static const char *chunk(arena *a, int64_t i) { return arena_text(a, "%lld ", (long long)i); }

static const char *tree(arena *a, int from, int to)
{
    const int middle = from + (to - from) / 2;
    return to - from == 1 ? chunk(a, from) : combine(a, tree(a, from, middle), tree(a, middle, to));
}

static const char *definition(arena *a, int n)              // prefix(n), n ≥ 1
{
    const int low = n & -n;
    return low == n ? tree(a, 0, n) : combine(a, definition(a, n - low), tree(a, n - low, n));
}

static const char *fold_definition(arena *a, int n)
{
    return n == 1 ? chunk(a, 0) : combine(a, fold_definition(a, n - 1), chunk(a, n - 1));
}

static const char **execute(arena *a, const scan_plan *plan, int n, int *combinations)
{
    const char **slot = arena_zero(a, (size_t)plan->slots * sizeof *slot);
    int next = n;
    for (int i = 0; i < n; i++)
        slot[i] = chunk(a, i);
    for (int k = 0; k < plan->n_levels; k++) {
        const scan_level *level = &plan->levels[k];
        const int first = next;
        assert_true(level->n > 0);
        for (int i = 0; i < level->n; i++) {
            assert_true(level->left[i] < first && level->right[i] < first);     // independent of each other
            assert_int_equal(level->out[i], next++);
            slot[level->out[i]] = combine(a, slot[level->left[i]], slot[level->right[i]]);
        }
    }
    assert_int_equal(next, plan->slots);
    *combinations = next - n;
    return slot;
}

static void static_plan_is_the_definition(void **state)
{
    arena *a = arena_new();
    for (int n = 1; n <= 300; n++) {
        const arena_mark start = arena_save(a);
        const scan_plan plan = scan_static(a, n);
        int combinations;
        const char **slot = execute(a, &plan, n, &combinations);
        assert_int_equal(plan.prefix[0], -1);
        for (int m = 1; m < n; m++)
            assert_string_equal(slot[plan.prefix[m]], definition(a, m));
        arena_restore(a, start);
    }
    arena_free(a);
}

// Every combination of the plan stands behind some prefix, none is made twice: as many as there are different brackets.
static void static_plan_makes_only_what_is_needed(void **state)
{
    arena *a = arena_new();
    for (int n = 1; n <= 130; n++) {
        const arena_mark start = arena_save(a);
        const scan_plan plan = scan_static(a, n);
        bool *needed = arena_zero(a, (size_t)plan.slots);
        for (int m = 1; m < n; m++)
            needed[plan.prefix[m]] = true;
        for (int k = plan.n_levels - 1; k >= 0; k--)
            for (int i = 0; i < plan.levels[k].n; i++)
                if (needed[plan.levels[k].out[i]])
                    needed[plan.levels[k].left[i]] = needed[plan.levels[k].right[i]] = true;
        int combinations;
        const char **slot = execute(a, &plan, n, &combinations);
        for (int i = n; i < plan.slots; i++) {
            assert_true(needed[i]);
            for (int j = n; j < i; j++)
                assert_string_not_equal(slot[i], slot[j]);
        }
        if (n == 18)
            assert_int_equal(combinations, 27);
        arena_restore(a, start);
    }
    arena_free(a);
}

static int deepest(const char *text)
{
    int depth = 0, most = 0;
    for (; *text; text++) {
        depth += (*text == '(') - (*text == ')');
        most = depth > most ? depth : most;
    }
    return most;
}

static void depth_is_that_of_the_brackets(void **state)
{
    arena *a = arena_new();
    assert_int_equal(scan_depth(0), 0);
    for (int n = 1; n <= 300; n++)
        assert_int_equal(scan_depth(n), deepest(definition(a, n)));
    for (int m = 2; m <= 512; m *= 2) {                     // the deepest prefix of m chunks: 2·log2(m) − 2
        const scan_plan plan = scan_static(a, m);
        assert_int_equal(plan.n_levels, 2 * __builtin_ctz((unsigned)m) - 2);
    }
    arena_free(a);
}

typedef int (*counter)(int64_t, scan_move *, int *);

// → combinations made; at[n] is prefix(n + 1).
static int64_t count_up(arena *a, counter count, int n, const char **at)
{
    const char *slot[2 * SCAN_LEVELS] = { NULL };
    int64_t combinations = 0;
    for (int i = 0; i < n; i++) {
        scan_move move[SCAN_MOVES];
        int prefix;
        const int moves = count(i, move, &prefix);
        const char *new = chunk(a, i);
        for (int k = 0; k < moves; k++) {
            const char *left = move[k].left == SCAN_NEW ? new : slot[move[k].left];
            const char *right = move[k].right == SCAN_NEW ? new : move[k].right == SCAN_COPY ? "" : slot[move[k].right];
            assert_non_null(left);
            assert_non_null(right);
            slot[move[k].out] = move[k].right == SCAN_COPY ? left : combine(a, left, right);
            combinations += move[k].right != SCAN_COPY;
        }
        assert_true(combinations <= 2 * (int64_t)(i + 1));
        at[i] = slot[prefix];
    }
    return combinations;
}

static void counter_is_the_definition(void **state)
{
    arena *a = arena_new();
    const char *at[300];
    count_up(a, scan_counter, 300, at);
    for (int n = 1; n <= 300; n++)
        assert_string_equal(at[n - 1], definition(a, n));
    arena_free(a);
}

// Without brackets: each slot holds the range of chunks it covers, so that a million of them can be counted.
static void counter_covers_everything_with_two_combinations_a_chunk(void **state)
{
    typedef struct range { int64_t from, to; } range;
    range slot[2 * SCAN_LEVELS];
    int64_t combinations = 0;
    for (int64_t i = 0; i < 1 << 20; i++) {
        scan_move move[SCAN_MOVES];
        int prefix;
        const int moves = scan_counter(i, move, &prefix);
        for (int k = 0; k < moves; k++) {
            const range new = { i, i + 1 }, left = move[k].left == SCAN_NEW ? new : slot[move[k].left];
            const range right = move[k].right == SCAN_NEW ? new : slot[move[k].right < 0 ? 0 : move[k].right];
            if (move[k].right != SCAN_COPY) {
                assert_true(left.to == right.from);
                combinations++;
            }
            slot[move[k].out] = move[k].right == SCAN_COPY ? left : (range){ left.from, right.to };
        }
        assert_true(slot[prefix].from == 0 && slot[prefix].to == i + 1);
        assert_true(combinations <= 2 * (i + 1));
    }
}

static void late_counts(void **state)                       // the first chunks of a stream beyond 2^40 need no more room
{
    for (int64_t n = (1LL << 61) - 3; n < (1LL << 61) + 3; n++) {
        scan_move move[SCAN_MOVES];
        int prefix;
        const int moves = scan_counter(n, move, &prefix);
        assert_in_range(moves, 1, SCAN_MOVES);
        assert_in_range(prefix, 0, 2 * SCAN_LEVELS - 1);
    }
}

static void left_fold(void **state)
{
    arena *a = arena_new();
    const char *at[64];
    assert_int_equal(count_up(a, scan_left_fold_counter, 64, at), 63);
    for (int n = 1; n <= 64; n++) {
        const scan_plan plan = scan_left_fold(a, n);
        int combinations;
        const char **slot = execute(a, &plan, n, &combinations);
        assert_int_equal(combinations, n > 2 ? n - 2 : 0);
        for (int m = 1; m < n; m++)
            assert_string_equal(slot[plan.prefix[m]], fold_definition(a, m));
        assert_string_equal(at[n - 1], fold_definition(a, n));
    }
    arena_free(a);
}

static void large_plans(void **state)
{
    arena *a = arena_new();
    for (int n = 1000; n < 5000; n += 777) {
        const arena_mark start = arena_save(a);
        const scan_plan plan = scan_static(a, n);
        int64_t *length = arena_zero(a, (size_t)plan.slots * sizeof *length);   // chunks below a slot
        for (int i = 0; i < n; i++)
            length[i] = 1;
        for (int k = 0; k < plan.n_levels; k++)
            for (int i = 0; i < plan.levels[k].n; i++)
                length[plan.levels[k].out[i]] = length[plan.levels[k].left[i]] + length[plan.levels[k].right[i]];
        for (int m = 1; m < n; m++)
            assert_int_equal(length[plan.prefix[m]], m);
        arena_restore(a, start);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_plan_is_the_definition),
        cmocka_unit_test(static_plan_makes_only_what_is_needed),
        cmocka_unit_test(depth_is_that_of_the_brackets),
        cmocka_unit_test(counter_is_the_definition),
        cmocka_unit_test(counter_covers_everything_with_two_combinations_a_chunk),
        cmocka_unit_test(late_counts),
        cmocka_unit_test(left_fold),
        cmocka_unit_test(large_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
