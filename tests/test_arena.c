// Arenas: alignment, addresses that repeat, nothing lost when a block is added, and what happens at the end of memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/check.h"
#include "base/rng.h"

enum { MIB = 1 << 20 };

static void test_pieces_are_aligned_and_cleared(void **state)
{
    arena *a = arena_new();
    const char *first = arena_take(a, 1);
    assert_int_equal((uintptr_t)first % (2 * MIB), 0);
    for (size_t n = 0; n < 300; n += 7) {
        memset(arena_take(a, n), 0xff, n);
        assert_int_equal((uintptr_t)arena_take(a, n) % 64, 0);
    }
    const arena_mark m = arena_save(a);
    memset(arena_take(a, 5000), 0xff, 5000);
    arena_restore(a, m);
    const char *zero = arena_zero(a, 5000);
    for (int i = 0; i < 5000; i++) assert_int_equal(zero[i], 0);
    arena_free(a);
    arena_free(NULL);
}

static void test_counts_what_is_handed_out(void **state)
{
    arena *a = arena_new();
    assert_int_equal(arena_used(a), 0);
    arena_take(a, 1);
    arena_take(a, 64);
    arena_take(a, 65);
    assert_int_equal(arena_used(a), 64 + 64 + 128);
    const arena_mark m = arena_save(a);
    arena_take(a, 5 * MIB);
    arena_restore(a, m);
    assert_int_equal(arena_used(a), 256);
    assert_int_equal(arena_peak(a), 256 + 5 * MIB);
    arena_take(a, 0);
    assert_int_equal(arena_used(a), 320);
    assert_int_equal(arena_peak(a), 256 + 5 * MIB);
    arena_free(a);
}

enum { PIECES = 200 };

// Sizes from a few bytes to several blocks, the same for the same seed; every piece filled with its number.
static void take_pieces(arena *a, uint64_t seed, unsigned char *piece[PIECES], size_t size[PIECES])
{
    rng r = rng_start(&seed, 1);
    for (int i = 0; i < PIECES; i++) {
        size[i] = rng_below(&r, 10) ? rng_below(&r, 5000) : rng_below(&r, 3 * MIB);
        piece[i] = arena_take(a, size[i]);
        memset(piece[i], i, size[i]);
    }
}

static void test_addresses_repeat(void **state)
{
    arena *a = arena_new();
    unsigned char *piece[PIECES], *again[PIECES];
    size_t size[PIECES];
    arena_take(a, 12345);
    const arena_mark m = arena_save(a);
    for (uint64_t seed = 0; seed < 5; seed++) {             // later seeds find blocks that other requests left
        take_pieces(a, seed, piece, size);
        for (int i = 0; i < PIECES; i++)
            for (size_t k = 0; k < size[i]; k += 61) assert_int_equal(piece[i][k], i);      // nobody wrote over it
        arena_restore(a, m);
        take_pieces(a, seed, again, size);
        assert_memory_equal(piece, again, sizeof piece);
        arena_restore(a, m);
    }
    arena_free(a);
}

static void test_marks_nest(void **state)
{
    arena *a = arena_new();
    char *kept = arena_copy(a, "kept");
    const arena_mark outer = arena_save(a);
    arena_take(a, 3 * MIB);
    const arena_mark inner = arena_save(a);
    char *x = arena_take(a, 100);
    arena_restore(a, inner);
    assert_ptr_equal(arena_take(a, 100), x);
    arena_restore(a, outer);
    assert_string_equal(kept, "kept");
    assert_true((char *)arena_take(a, 100) < kept + 4096);
    arena_free(a);
}

static void test_text(void **state)
{
    arena *a = arena_new();
    assert_string_equal(arena_text(a, "%s.%d", "layers", 12), "layers.12");
    char *long_text = arena_text(a, "%9000d", 7);
    assert_int_equal(strlen(long_text), 9000);
    assert_string_equal(arena_copy(a, ""), "");
    arena_free(a);
}

// What a child that runs f ends with.
static int end_of(void (*f)(void))
{
    const pid_t child = fork();
    if (!child) {
        if (!freopen("/dev/null", "w", stderr)) _exit(99);
        f();
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

static void take_too_much(void) { arena_take(arena_new(), PTRDIFF_MAX); }
static void take_more_than_fits(void) { arena_take(arena_new(), (size_t)1 << 60); }

static void restore_what_is_gone(void)
{
    arena *a = arena_new();
    arena_take(a, 1000);
    const arena_mark late = arena_save(a);
    arena_restore(a, (arena_mark){ 0 });
    arena_restore(a, late);
}

static void test_ends(void **state)
{
    assert_int_equal(WEXITSTATUS(end_of(take_too_much)), 1);
    assert_int_equal(WEXITSTATUS(end_of(take_more_than_fits)), 1);
    assert_true(WIFSIGNALED(end_of(restore_what_is_gone)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_cleared), cmocka_unit_test(test_counts_what_is_handed_out),
        cmocka_unit_test(test_addresses_repeat), cmocka_unit_test(test_marks_nest), cmocka_unit_test(test_text),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
