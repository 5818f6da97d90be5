// .npy: the header byte for byte as NumPy writes it, both types, both orders, three versions; no damaged file is believed
// or crashes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include "base/check.h"
#include "base/npy.h"

static arena *memory;
static char path[] = "/tmp/scanbench-test-npy-XXXXXX";

static int set_up(void **state)
{
    memory = arena_new();
    strcpy(path + strlen(path) - 6, "XXXXXX");
    const int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int tear_down(void **state)
{
    unlink(path);
    arena_free(memory);
    return 0;
}

// What numpy 1.24 writes for np.save(path, np.zeros((2048, 19), 'int32')), the data aside.
static void test_header_is_numpys(void **state)
{
    static const char dict[] = "\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (2048, 19), }";
    size_t bytes;
    const char *header = npy_header(2048, 19, &bytes, memory);
    assert_int_equal(bytes, 128);
    assert_memory_equal(header, dict, sizeof dict - 1);
    for (size_t i = sizeof dict - 1; i < 127; i++) assert_int_equal(header[i], ' ');
    assert_int_equal(header[127], '\n');
    npy_header(INT64_MAX, INT64_MAX, &bytes, memory);
    assert_int_equal(bytes % 64, 0);
}

// A file of version `version` with this dict before the data.
static void write_file(int version, const char *dict, const void *data, size_t bytes)
{
    error e = {0};
    const size_t n = strlen(dict);
    const unsigned char front[12] = { 0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0, n & 255, n >> 8 };
    assert_true(file_write_parts(path, (file_part[]){ { front, version == 1 ? 10 : 12 }, { dict, n }, { data, bytes } }, 3, &e));
}

static npy read_file(void)
{
    npy x;
    error e = {0};
    if (!npy_read(path, &x, memory, &e)) fail_msg("%s", e.text);
    return x;
}

static void test_reads_back(void **state)
{
    const int32_t ids[6] = { 0, 1, -100, INT32_MIN, INT32_MAX, 5 };
    size_t bytes;
    error e = {0};
    const char *header = npy_header(2, 3, &bytes, memory);
    assert_true(file_write_parts(path, (file_part[]){ { header, bytes }, { ids, sizeof ids } }, 2, &e));
    const npy x = read_file();
    assert_int_equal(x.rank, 2);
    assert_string_equal(npy_shape(&x, memory), "[2, 3]");
    for (int i = 0; i < 6; i++) assert_int_equal(npy_at(&x, i / 3, i % 3), ids[i]);
}

static void test_reads_what_numpy_writes(void **state)
{
    const int32_t narrow[6] = { 1, 2, 3, 4, 5, -6 };
    const int64_t wide[6] = { 1, 2, 3, 4, 5, INT64_MIN };
    for (int version = 1; version <= 3; version++) {
        write_file(version, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }  \n", narrow, sizeof narrow);
        npy x = read_file();
        assert_int_equal(npy_at(&x, 1, 0), 4);          // at an odd place in the file, too
        assert_int_equal(npy_at(&x, 1, 2), -6);
    }
    write_file(1, "{'shape': (2, 3), 'fortran_order': True, 'descr': '<i8'}", wide, sizeof wide);
    npy x = read_file();
    assert_int_equal(npy_at(&x, 1, 0), 2);              // columns one after the other
    assert_int_equal(npy_at(&x, 0, 1), 3);
    assert_true(npy_at(&x, 1, 2) == INT64_MIN);
    write_file(1, "{\"descr\":\"<i8\",\"fortran_order\":False,\"shape\":(6,),}", wide, sizeof wide);
    x = read_file();
    assert_string_equal(npy_shape(&x, memory), "[6]");
    write_file(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (0, 3), }", NULL, 0);
    x = read_file();
    assert_int_equal(x.dim[0], 0);
    write_file(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (), }", narrow, 4);
    assert_string_equal(npy_shape(&(npy){ 0 }, memory), "[]");
    assert_int_equal(read_file().rank, 0);
}

static void refuses(const char *message)
{
    npy x;
    error e = {0};
    assert_false(npy_read(path, &x, memory, &e));
    if (!strstr(e.text, message)) fail_msg("'%s' says nothing of '%s'", e.text, message);
}

static void test_refuses(void **state)
{
    static const struct { const char *dict, *message; } cases[] = {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
          "of type '<f4'; save ids, int32 or int64, as with .astype('int32') (of scores, the argmax)" },
        { "{'descr': '>i4', 'fortran_order': False, 'shape': (2, 3), }", "of type '>i4'" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", "of type '|u1'" },
        { "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2, 3), }", "records" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 4), }", "has 24 bytes of data, its shape [2, 4] asks for 32" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }", "cut off or damaged" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", "damaged" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999, 1), }", "damaged" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (-2, -3), }", "damaged" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (2 3), }", "damaged" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2, 3), }", "more than 8 dimensions" },
        { "{'descr': '<i4', 'fortran_order': Maybe, 'shape': (2, 3), }", "damaged" },
        { "{'descr': '<i4', 'shape': (2, 3), }", "damaged" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", "damaged" },
        { "['descr']", "damaged" },
        { "", "damaged" },
    };
    const int32_t ids[6] = { 0 };
    for (size_t i = 0; i < LEN(cases); i++) {
        write_file(1, cases[i].dict, ids, sizeof ids);
        refuses(cases[i].message);
    }
    unlink(path);
    refuses("cannot read");
}

// Without fsync: many of them.
static void write_quickly(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

// Cut off anywhere, and with any byte of the header another: refused or read, never a crash.
static void test_damage(void **state)
{
    enum { DATA = 24 };
    size_t bytes;
    char *file = arena_take(memory, 1024);
    const char *header = npy_header(2, 3, &bytes, memory);
    memcpy(file, header, bytes);
    memset(file + bytes, 1, DATA);
    for (size_t n = 0; n < bytes + DATA; n++) {
        write_quickly(file, n);
        refuses(n < bytes ? "damaged" : "cut off");
    }
    for (size_t i = 0; i < bytes; i++)
        for (int change = 1; change < 256; change = 3 * change + 1) {
            npy x;
            error why = {0};
            file[i] ^= (char)change;
            write_quickly(file, bytes + DATA);
            if (npy_read(path, &x, memory, &why) && x.rank == 2 && x.dim[0] && x.dim[1]) npy_at(&x, x.dim[0] - 1, x.dim[1] - 1);
            file[i] ^= (char)change;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_header_is_numpys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_what_numpy_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
