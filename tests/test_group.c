// Groups: names and their limits, numbering against a literal enumeration, the axioms, products on texts, facts by index.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/check.h"
#include "base/rng.h"
#include "tasks/group.h"

static const mark nowhere = {0};

static const group *open_group(const char *name, arena *a)
{
    diag *d = diag_new();
    const group *g = group_open(name, nowhere, a, d);
    if (!g)
        fail_msg("group '%s' can't be opened", name);
    diag_free(d);
    return g;
}

static void sizes(void **state)
{
    static const struct { const char *name; int size; bool table; } known[] = {
        { "S2", 2, true }, { "S3", 6, true }, { "S5", 120, true }, { "S6", 720, false }, { "S10", 3628800, false },
        { "A3", 3, true }, { "A4", 12, true }, { "A5", 60, true }, { "A10", 1814400, false }, { "Z2", 2, true },
        { "Z60", 60, true }, { "Z256", 256, true }, { "Z257", 257, false }, { "Z4194304", 4194304, false },
        { "A4xZ5", 60, true }, { "S3xZ2xZ2", 24, true }, { "S8xZ7", 282240, false } };
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(known); i++) {
        const group *g = open_group(known[i].name, a);
        if (g->size != known[i].size || !g->table == known[i].table)
            fail_msg("%s has %d elements, %s table", known[i].name, g->size, g->table ? "a" : "no");
    }
    if (arena_peak(a) > 256 << 10)
        fail_msg("groups take %zu bytes", arena_peak(a));
    arena_free(a);
}

static void wrong_names(void **state)
{
    static const struct { const char *name, *message; } wrong[] = {
        { "Q8",         "group 'Q8' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "",           "group '' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "S",          "group 'S' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "s5",         "group 's5' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "S05",        "group 'S05' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "S5 ",        "group 'S5 ' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "A4x",        "group 'A4x' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "A4xxZ5",     "group 'A4xxZ5' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "xA4",        "group 'xA4' is not known; write Sn, An, Zn or a product such as A4xZ5" },
        { "S11",        "group 'S11': n of Sn is outside [2, 10]" },
        { "S1",         "group 'S1': n of Sn is outside [2, 10]" },
        { "A2",         "group 'A2': n of An is outside [3, 10]" },
        { "Z1",         "group 'Z1': n of Zn is outside [2, 4194304]" },
        { "Z99999999999999999999", "group 'Z99999999999999999999': n of Zn is outside [2, 4194304]" },
        { "S10xZ2",     "group 'S10xZ2' has more than 4194304 elements, the most that is allowed" },
        { "Z4194304xZ4194304xZ9",
                        "group 'Z4194304xZ4194304xZ9' has more than 4194304 elements, the most that is allowed" } };
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(wrong); i++) {
        diag *d = diag_new();
        assert_null(group_open(wrong[i].name, (mark){ "f.yaml", 3, 9 }, a, d));
        char *text;
        size_t bytes;
        FILE *out = open_memstream(&text, &bytes);
        diag_print(d, out);
        fclose(out);
        if (diag_errors(d) != 1 || !strstr(text, wrong[i].message) || !strstr(text, "f.yaml:3:9"))
            fail_msg("'%s' is answered with: %s", wrong[i].name, text);
        free(text);
        diag_free(d);
    }
    arena_free(a);
}

// The next permutation in lexicographic order, as a text of digits; false after the last.
static bool next_text(char *p, int n)
{
    int i = n - 2, j = n - 1;
    while (i >= 0 && p[i] > p[i + 1])
        i--;
    if (i < 0)
        return false;
    while (p[j] < p[i])
        j--;
    char swap = p[i]; p[i] = p[j]; p[j] = swap;
    for (int x = i + 1, y = n - 1; x < y; x++, y--)
        swap = p[x], p[x] = p[y], p[y] = swap;
    return true;
}

static bool text_is_even(const char *p)
{
    int inversions = 0;
    for (int i = 0; p[i]; i++)
        for (int j = i + 1; p[j]; j++)
            inversions += p[i] > p[j];
    return inversions % 2 == 0;
}

static void numbering(void **state)
{
    arena *a = arena_new();
    for (int n = 2; n <= 8; n++) {
        const group *all = open_group(arena_text(a, "S%d", n), a), *even = n > 2 ? open_group(arena_text(a, "A%d", n), a) : NULL;
        char p[] = "0123456789";
        p[n] = 0;
        int count = 0, even_count = 0;
        do {
            const arena_mark start = arena_save(a);
            assert_string_equal(group_text(all, count++, a), p);
            if (even && text_is_even(p))
                assert_string_equal(group_text(even, even_count++, a), p);
            arena_restore(a, start);
        } while (next_text(p, n));
        assert_int_equal(count, all->size);
        assert_true(!even || even_count == even->size);
    }
    const group *s10 = open_group("S10", a), *a10 = open_group("A10", a);
    assert_string_equal(group_text(s10, 0, a), "0123456789");
    assert_string_equal(group_text(s10, 1, a), "0123456798");
    assert_string_equal(group_text(s10, 3628799, a), "9876543210");
    assert_string_equal(group_text(a10, 1814399, a), "9876543201");         // 45 inversions: the very last one is odd
    assert_string_equal(group_text(open_group("Z60", a), 59, a), "59");
    assert_string_equal(group_text(open_group("A4xZ5", a), 9, a), "(0231,4)");
    assert_string_equal(group_text(open_group("S3xZ2xZ2", a), 23, a), "(210,1,1)");
    arena_free(a);
}

// Rows and columns of the table are permutations, 0 is the identity, three factors may be bracketed either way.
static void axioms(void **state)
{
    static const char *const names[] = { "S2", "S3", "S4", "A3", "A4", "A5", "Z2", "Z7", "Z60", "A4xZ5", "S3xZ2xZ2", "S5" };
    arena *a = arena_new();
    for (size_t k = 0; k < LEN(names); k++) {
        const group *g = open_group(names[k], a);
        const int stride = g->size > 24 ? 7 : 1;
        for (int x = 0; x < g->size; x++) {
            char row[256] = {0}, column[256] = {0};
            if (group_product(g, 0, x) != x || group_product(g, x, 0) != x)
                fail_msg("%s: 0 is not the identity at %d", names[k], x);
            for (int y = 0; y < g->size; y++) {
                const int xy = group_product(g, x, y);
                if (xy < 0 || xy >= g->size || row[xy]++ || column[group_product(g, y, x)]++)
                    fail_msg("%s: row or column %d is no permutation", names[k], x);
                if (xy != group_product_computed(g, x, y))
                    fail_msg("%s: the table disagrees at %d·%d", names[k], x, y);
                for (int z = 0; z < g->size; z += stride)
                    if (group_product(g, xy, z) != group_product(g, x, group_product(g, y, z)))
                        fail_msg("%s: (%d·%d)·%d is not %d·(%d·%d)", names[k], x, y, z, x, y, z);
            }
        }
    }
    arena_free(a);
}

// Large groups, without a table: r = p·q is r(i) = p(q(i)) on the digits of their texts.
static void large_products(void **state)
{
    static const char *const names[] = { "S6", "S8", "S10", "A8", "A10", "S6xS6", "A6xS3xZ100" };
    static const int points[] = { 6, 8, 10, 8, 10, 6, 6 };                  // of the first factor
    arena *a = arena_new();
    const uint64_t address[] = { 1, RNG_TESTS };
    rng r = rng_start(address, 2);
    for (size_t k = 0; k < LEN(names); k++) {
        const group *g = open_group(names[k], a);
        const int bracket = g->n_factors > 1;
        for (int i = 0; i < 2000; i++) {
            const arena_mark start = arena_save(a);
            const int x = rng_below(&r, g->size), y = rng_below(&r, g->size), xy = group_product(g, x, y);
            assert_in_range(xy, 0, g->size - 1);
            const char *p = group_text(g, x, a) + bracket, *q = group_text(g, y, a) + bracket;
            const char *pq = group_text(g, xy, a) + bracket;
            for (int j = 0; j < points[k]; j++)
                if (pq[j] != p[q[j] - '0'])
                    fail_msg("%s: %s · %s is not %s", names[k], p, q, pq);
            arena_restore(a, start);
        }
    }
    const group *g = open_group("A6xS3xZ100", a);                           // and the last factor's place
    for (int x = 0; x < g->size; x += 997)
        assert_int_equal(group_product(g, x, 99) % 100, (x + 99) % 100);
    arena_free(a);
}

// Element numbers that the literature names.
static void known_elements(void **state)
{
    static const struct { const char *group; int element; const char *text; } known[] = {
        { "S5", 1, "01243" }, { "S5", 6, "02134" }, { "S5", 24, "10234" }, { "S5", 119, "43210" }, { "S5", 33, "12340" },
        { "S5", 96, "40123" }, { "A5", 1, "01342" }, { "A5", 2, "01423" }, { "A5", 3, "02143" }, { "A5", 59, "43210" } };
    static const int transpositions[] = { 1, 2, 5, 6, 14, 21, 24, 54, 80, 105 };
    static const int three_cycles[] = { 1, 2, 4, 5, 6, 7, 9, 10, 15, 19, 22, 24, 28, 29, 37, 39, 40, 49, 51, 52 };
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(known); i++)
        assert_string_equal(group_text(open_group(known[i].group, a), known[i].element, a), known[i].text);
    const group *s5 = open_group("S5", a), *a5 = open_group("A5", a);
    assert_int_equal(group_product(s5, 33, 96), 0);
    for (size_t i = 0; i < LEN(transpositions); i++)
        assert_int_equal(group_product(s5, transpositions[i], transpositions[i]), 0);
    for (size_t i = 0; i < LEN(three_cycles); i++) {
        const int c = three_cycles[i], square = group_product(a5, c, c);
        assert_true(square != 0 && group_product(a5, square, c) == 0);
    }
    arena_free(a);
}

// tests/data/word_problem.txt, written by an independent Python: "GROUP right|left : elements : running products".
static void running_products(void **state)
{
    FILE *file = fopen(TEST_DATA "/word_problem.txt", "r");
    assert_non_null(file);
    arena *a = arena_new();
    char line[1024];
    int lines = 0;
    while (fgets(line, sizeof line, file)) {
        if (*line == '#')
            continue;
        char *save, *name = strtok_r(line, " ", &save), *side = strtok_r(NULL, " ", &save);
        char *inputs = strtok_r(NULL, ":", &save), *products = strtok_r(NULL, ":", &save);
        const group *g = open_group(name, a);
        char *in_end = inputs, *out_end = products;
        for (int acc = 0, n = 0;; n++) {
            char *from = in_end;
            const int x = (int)strtol(from, &in_end, 10);
            if (in_end == from) {
                assert_true(n > 0);
                break;
            }
            acc = *side == 'r' ? group_product(g, acc, x) : group_product(g, x, acc);
            const int expected = (int)strtol(out_end, &out_end, 10);
            if (acc != expected)
                fail_msg("%s %s, symbol %d: %d, the file says %d", name, side, n, acc, expected);
        }
        lines++;
    }
    fclose(file);
    arena_free(a);
    assert_true(lines >= 20);
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

// Facts by index, and that the generators do generate.
static void generators(void **state)
{
    static const struct { const char *name; int n, elements[8]; } known[] = {       // ascending
        { "S5", 5, { 1, 2, 6, 24, 33 } }, { "S2", 1, { 1 } }, { "A5", 3, { 1, 4, 15 } }, { "Z60", 3, { 0, 1, 59 } },
        { "Z2", 2, { 0, 1 } },
        { "S3xZ2", 5, { 0, 1, 2, 4, 6 } } };
    static const char *const names[] = { "S2", "S3", "S4", "S5", "S6", "A3", "A4", "A5", "A6", "Z2", "Z3", "Z60", "A4xZ5",
                                         "S3xZ2xZ2" };
    arena *a = arena_new();
    for (size_t i = 0; i < LEN(known); i++) {
        int elements[GROUP_GENERATORS];
        const int n = group_generators(open_group(known[i].name, a), elements);
        assert_int_equal(n, known[i].n);
        qsort(elements, n, sizeof *elements, compare);
        assert_memory_equal(elements, known[i].elements, n * sizeof *elements);
    }
    for (size_t i = 0; i < LEN(names); i++) {
        const group *g = open_group(names[i], a);
        int elements[GROUP_GENERATORS], *queue = arena_take(a, g->size * sizeof *queue), reached = 1;
        bool *seen = arena_zero(a, g->size);
        const int n = group_generators(g, elements);
        seen[queue[0] = 0] = true;
        for (int k = 0; k < reached; k++)
            for (int x = 0; x < n; x++) {
                const int product = group_product(g, elements[x], queue[k]);
                if (!seen[product])
                    queue[reached++] = product;
                seen[product] = true;
            }
        if (reached != g->size)
            fail_msg("%s: the generators make %d of %d", names[i], reached, g->size);
    }
    arena_free(a);
}

static void moved_points(void **state)
{
    static const int few[] = { 0, 1, 2, 5, 6, 14, 21, 24, 54, 80, 105 };            // identity and transpositions of S5
    static const int cycles[] = { 1, 2, 4, 5, 6, 7, 9, 10, 15, 19, 22, 24, 28, 29, 37, 39, 40, 49, 51, 52 };    // 3-cycles of A5
    arena *a = arena_new();
    const group *s5 = open_group("S5", a), *a5 = open_group("A5", a);
    int two = 0, three = 0, of_a5 = 0;
    for (int i = 0; i < 120; i++) {
        if (group_moved(s5, i) <= 2)
            assert_int_equal(few[two++], i);
        three += group_moved(s5, i) <= 3;
    }
    for (int i = 0; i < 60; i++)
        if (group_moved(a5, i) == 3)
            assert_int_equal(cycles[of_a5++], i);
    assert_int_equal(two, 11);
    assert_int_equal(three, 31);
    assert_int_equal(of_a5, 20);
    assert_int_equal(group_moved(open_group("Z60", a), 1), -1);
    assert_int_equal(group_moved(open_group("A4xZ5", a), 1), -1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes), cmocka_unit_test(wrong_names), cmocka_unit_test(numbering), cmocka_unit_test(axioms),
        cmocka_unit_test(large_products), cmocka_unit_test(known_elements), cmocka_unit_test(running_products),
        cmocka_unit_test(generators), cmocka_unit_test(moved_points) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
