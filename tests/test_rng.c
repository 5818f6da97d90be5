// The generator and its starts against NumPy's (tests/data/pcg64dxsm.txt, written by tests/oracle/pcg64dxsm.py), and the draws.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include "base/check.h"
#include "base/rng.h"

static uint128 read_hex(const char **text)
{
    uint128 v = 0;
    *text += strspn(*text, " :");
    for (int digit; sscanf(*text, "%1x", (unsigned *)&digit) == 1 && **text != ' '; ++*text) v = v << 4 | (unsigned)digit;
    return v;
}

// "entropy : its words : state : inc : outputs"
static void check_line(const char *line)
{
    uint64_t address[64];
    int n = 0, used;
    const char *text = line;
    for (; sscanf(text, " %lu%n", &address[n], &used) == 1; text += used) n++;
    text = strchr(text + strspn(text, " :"), ':');
    rng r = rng_start(address, n);
    const uint128 state = read_hex(&text), inc = read_hex(&text);
    if (r.state != state || r.inc != inc) fail_msg("another start than NumPy's: %s", line);
    for (int i = 0; i < 8; i++) assert_int_equal(rng_next(&r), (uint64_t)read_hex(&text));
}

static void test_equals_numpy(void **state)
{
    FILE *file = fopen(TEST_DATA "/pcg64dxsm.txt", "r");
    if (!file) fail_msg("no file %s", TEST_DATA "/pcg64dxsm.txt");
    char line[2000];
    int lines = 0;
    while (fgets(line, sizeof line, file))
        if (*line != '#') check_line(line), lines++;
    fclose(file);
    assert_true(lines >= 10);
}

static rng started(uint64_t seed) { return rng_start((uint64_t[]){ seed, RNG_TESTS }, 2); }

static void test_below(void **state)
{
    enum { SIDES = 7, THROWS = 70000 };
    rng r = started(1);
    double count[SIDES] = { 0 }, chi2 = 0;
    for (int i = 0; i < THROWS; i++) {
        const uint64_t v = rng_below(&r, SIDES);
        assert_true(v < SIDES);
        count[v]++;
    }
    for (int i = 0; i < SIDES; i++) chi2 += pow(count[i] - THROWS / SIDES, 2) / (THROWS / SIDES);
    assert_true(chi2 < 22.5);                           // 6 degrees of freedom: exceeded once in a thousand seeds
    for (int i = 0; i < 100; i++) assert_int_equal(rng_below(&r, 1), 0);
    assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

// With n = 3·2^62 a product's high half alone takes every third value twice as often.
static void test_below_has_no_bias(void **state)
{
    rng r = started(2);
    int count[3] = { 0 };
    for (int i = 0; i < 30000; i++) count[rng_below(&r, (uint64_t)3 << 62) % 3]++;
    for (int i = 0; i < 3; i++) assert_true(abs(count[i] - 10000) < 400);
}

static void test_unit(void **state)
{
    rng r = started(3);
    double sum = 0, least = 1, most = 0;
    for (int i = 0; i < 100000; i++) {
        const double u = rng_unit(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
        least = fmin(least, u);
        most = fmax(most, u);
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.004 && least < 1e-4 && most > 1 - 1e-4);
}

static void test_normal(void **state)
{
    enum { N = 200000 };
    rng r = started(4);
    double moment[5] = { 0 };
    int beyond = 0;
    for (int i = 0; i < N; i++) {
        const double x = rng_normal(&r);
        assert_true(isfinite(x));
        for (int k = 1; k < 5; k++) moment[k] += pow(x, k) / N;
        beyond += fabs(x) > 1.959964;
    }
    assert_true(fabs(moment[1]) < 0.01 && fabs(moment[2] - 1) < 0.015 && fabs(moment[3]) < 0.03 && fabs(moment[4] - 3) < 0.1);
    assert_true(abs(beyond - N / 20) < 500);
    rng a = started(5), b = started(5);                 // a draw is always two numbers: what follows does not depend on its value
    rng_normal(&a);
    rng_next(&b);
    rng_next(&b);
    assert_int_equal(rng_next(&a), rng_next(&b));
}

static void test_neighbouring_addresses_differ(void **state)
{
    int equal_bits = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        rng a = rng_start((uint64_t[]){ 7, RNG_TRAIN, 18, i }, 4), b = rng_start((uint64_t[]){ 7, RNG_TRAIN, 18, i + 1 }, 4);
        equal_bits += 64 - __builtin_popcountll(rng_next(&a) ^ rng_next(&b));
    }
    assert_true(abs(equal_bits - 32000) < 600);         // 126 is one standard deviation
}

static void test_hash_bytes(void **state)
{
    assert_int_equal(hash_bytes("", 0, 0), 0xcbf29ce484222325u);            // from the FNV page
    assert_int_equal(hash_bytes("a", 1, 0), 0xaf63dc4c8601ec8cu);
    assert_int_equal(hash_bytes("foobar", 6, 0), 0x85944171f73967e8u);
    assert_int_equal(hash_bytes("bar", 3, hash_bytes("foo", 3, 0)), hash_bytes("foobar", 6, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_numpy), cmocka_unit_test(test_below), cmocka_unit_test(test_below_has_no_bias),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_normal), cmocka_unit_test(test_neighbouring_addresses_differ), cmocka_unit_test(test_hash_bytes),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
