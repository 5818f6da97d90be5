#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "base/check.h"
#include "nn/team.h"

typedef struct visits { int times[1000]; int64_t size, n; bool bad; } visits;

static void visit(int64_t from, int64_t to, void *scratch, void *data)
{
    visits *v = data;
    if (from % v->size != 0 || (to - from != v->size && to != v->n) || (uintptr_t)scratch % 64 != 0)
        v->bad = true;
    memset(scratch, (int)(from % 251), TEAM_SCRATCH);           // another thread with the same scratch would be seen
    for (int64_t i = from; i < to; i++)
        v->times[i]++;
    for (size_t i = 0; i < TEAM_SCRATCH; i += 4093)
        v->bad |= ((unsigned char *)scratch)[i] != from % 251;
}

static void test_pieces_cover_the_range(void **state)
{
    static const int threads[] = { 1, 2, 3, 7 }, sizes[] = { 1, 7, 64, 1000, 2000 }, lengths[] = { 0, 1, 63, 65, 200 };
    for (size_t t = 0; t < LEN(threads); t++) {
        team *many = team_new(threads[t]);
        assert_int_equal(team_threads(many), threads[t]);
        for (size_t s = 0; s < LEN(sizes); s++)
            for (size_t n = 0; n < LEN(lengths); n++) {
                visits v = { .size = sizes[s], .n = lengths[n] };
                team_each(many, lengths[n], sizes[s], visit, &v);
                assert_false(v.bad);
                for (int i = 0; i < 1000; i++)
                    assert_int_equal(v.times[i], i < lengths[n]);
            }
        team_free(many);
    }
}

// Numbers whose sum depends on the order in which they are added.
static double harmonic(int64_t from, int64_t to, void *data)
{
    double sum = 0;
    for (int64_t i = from; i < to; i++)
        sum += (i % 3 == 0 ? -1e10 : 1) / (double)(i + 1);
    return sum;
}

static void test_sums_in_a_fixed_order(void **state)
{
    double first = 0;
    for (int64_t from = 0; from < 300000; from += 4096)
        first += harmonic(from, from + 4096 < 300000 ? from + 4096 : 300000, NULL);
    for (int threads = 1; threads <= 7; threads++) {
        team *many = team_new(threads);
        for (int again = 0; again < 20; again++) {
            const double sum = team_sum(many, 300000, harmonic, NULL);
            assert_memory_equal(&sum, &first, sizeof sum);
        }
        assert_true(team_sum(many, 0, harmonic, NULL) == 0);
        team_free(many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pieces_cover_the_range),
                                        cmocka_unit_test(test_sums_in_a_fixed_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
