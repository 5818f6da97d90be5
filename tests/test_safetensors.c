// What is written reads back; files of Python's safetensors open; no damaged file is believed or crashes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include "base/check.h"
#include "base/rng.h"
#include "base/safetensors.h"

static arena *memory;
static char path[] = "/tmp/scanbench-test-safetensors-XXXXXX";

static float weight[6] = { 1, -2, 3.5f, 0, 1e-30f, -0.0f };
static double moment[2] = { 0.1, 1e300 };
static int32_t ids[3] = { 1, -1, INT32_MIN };
static int64_t counter[1] = { INT64_MIN };
static uint8_t flags[3] = { 0, 255, 7 };

static const named_array arrays[] = {
    { "flags", ARRAY_U8, 1, { 3 }, flags },
    { "layers.0.W", ARRAY_F32, 2, { 2, 3 }, weight },
    { "counter \"ä\"", ARRAY_I64, 0, { 0 }, counter },
    { "ids", ARRAY_I32, 3, { 1, 3, 1 }, ids },
    { "none", ARRAY_F32, 2, { 0, 4 }, NULL },
    { "moment", ARRAY_F64, 5, { 1, 1, 2, 1, 1 }, moment },
};
static const char *const metadata[][2] = { { "format", "pt" }, { "step", "12\n" } };

static void write_all(void)
{
    error e = { "" };
    assert_true(safetensors_write(path, arrays, LEN(arrays), metadata, LEN(metadata), &e));
}

static void assert_same(const named_array *x, const named_array *y)
{
    assert_non_null(x);
    assert_string_equal(x->name, y->name);
    assert_int_equal(x->type, y->type);
    assert_int_equal(x->rank, y->rank);
    for (int i = 0; i < x->rank; i++) assert_int_equal(x->dim[i], y->dim[i]);
    if (array_bytes(y)) assert_memory_equal(x->data, y->data, array_bytes(y));
}

static void test_reads_back(void **state)
{
    error e = { "" };
    safetensors s;
    write_all();
    assert_true(safetensors_read(path, &s, memory, &e));
    assert_int_equal(s.n, LEN(arrays));
    for (size_t i = 0; i < LEN(arrays); i++) assert_same(safetensors_find(&s, arrays[i].name), &arrays[i]);
    for (int i = 0; i < s.n; i++) assert_int_equal((uintptr_t)s.array[i].data % 64, 0);
    assert_string_equal(safetensors_metadata(&s, "format"), "pt");
    assert_string_equal(safetensors_metadata(&s, "step"), "12\n");
    assert_null(safetensors_metadata(&s, "nothing"));
    assert_null(safetensors_find(&s, "layers.0"));
    assert_int_equal(array_count(&arrays[3]), 3);
    assert_int_equal(array_bytes(&arrays[3]), 12);
    assert_int_equal(array_count(&arrays[2]), 1);

    assert_true(safetensors_write(path, NULL, 0, NULL, 0, &e));             // nothing is a file too
    assert_true(safetensors_read(path, &s, memory, &e));
    assert_int_equal(s.n, 0);
}

// The form that the format asks for: header padded with spaces to 8, offsets rising without gaps, arrays aligned to their
// elements.
static void test_form(void **state)
{
    error e = { "" };
    size_t bytes;
    uint64_t length;
    write_all();
    const char *file = file_read(path, &bytes, memory, &e);
    memcpy(&length, file, 8);
    assert_int_equal(length % 8, 0);
    const char *expected = "{\"__metadata__\":{\"format\":\"pt\",\"step\":\"12\\n\"},"
                           "\"counter \\\"ä\\\"\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                           "\"moment\":{\"dtype\":\"F64\",\"shape\":[1,1,2,1,1],\"data_offsets\":[8,24]},"
                           "\"layers.0.W\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
                           "\"ids\":{\"dtype\":\"I32\",\"shape\":[1,3,1],\"data_offsets\":[48,60]},"
                           "\"none\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[60,60]},"
                           "\"flags\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[60,63]}}";
    const size_t n = strlen(expected);
    assert_memory_equal(file + 8, expected, n);
    for (size_t i = n; i < length; i++) assert_int_equal(file[8 + i], ' ');
    assert_true(length - n < 8);
    assert_int_equal(bytes, 8 + length + 63);
}

static void test_reads_a_file_from_python(void **state)
{
    error e = { "" };
    safetensors s;
    if (!safetensors_read(TEST_DATA "/transformer-none.safetensors", &s, memory, &e)) fail_msg("%s", e.text);
    assert_true(s.n > 0);
    for (int i = 0; i < s.n; i++) assert_true(array_count(&s.array[i]) > 0);
}

static void write_raw(const char *header, const char *data, size_t bytes)
{
    error e = { "" };
    const uint64_t length = strlen(header);
    assert_true(file_write_parts(path, (file_part[]){ { &length, 8 }, { header, length }, { data, bytes } }, 3, &e));
}

static void test_refusals(void **state)
{
#define ENTRY(type, shape, offsets) "\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets
    static const struct { const char *header; size_t bytes; const char *fault; } cases[] = {
        { "", 8, "its header is damaged: not a map" },
        { "[]", 0, "its header is damaged: not a map" },
        { "{", 0, "its header is damaged" },
        { "{\"x\":1}", 0, "'x' is not described" },
        { "{\"x\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'x' has no dtype" },
        { "{\"x\":{" ENTRY("BF16", "[2]", "[0,4]") "}}", 4, "'x' is of type BF16; F32, F64, I32, I64 and U8 can be read" },
        { "{\"x\":{" ENTRY("F32", "1", "[0,4]") "}}", 4, "'x' has no shape" },
        { "{\"x\":{" ENTRY("F32", "[1,1,1,1,1,1]", "[0,4]") "}}", 4, "'x' has 6 dimensions; at most 5 can be read" },
        { "{\"x\":{" ENTRY("F32", "[-1]", "[0,4]") "}}", 4, "'x' has a shape that is none" },
        { "{\"x\":{" ENTRY("F32", "[1.0]", "[0,4]") "}}", 4, "'x' has a shape that is none" },
        { "{\"x\":{" ENTRY("F32", "[4611686018427387904,4]", "[0,0]") "}}", 0, "'x' has a shape too large" },
        { "{\"x\":{" ENTRY("F32", "[9223372036854775808]", "[0,0]") "}}", 0, "too big integer" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0]") "}}", 4, "'x' has no data_offsets" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0,\"4\"]") "}}", 4, "'x' has no data_offsets" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[\"0\",4]") "}}", 4, "'x' has no data_offsets" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0,4]") "}}", 3, "'x' lies outside the file; it is cut off or damaged" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[4,0]") "}}", 4, "'x' lies outside the file" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[-4,0]") "}}", 4, "'x' lies outside the file" },
        { "{\"x\":{" ENTRY("F32", "[2]", "[0,4]") "}}", 4, "'x' takes 4 bytes, its shape says 8" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[4,8]") "}}", 8, "'x' does not begin where the array before it ends" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0,4]") "},\"y\":{" ENTRY("F32", "[1]", "[0,4]") "}}", 4, "'y' does not begin where" },
        { "{\"x\":{" ENTRY("F32", "[2]", "[0,8]") "},\"y\":{" ENTRY("F32", "[1]", "[4,8]") "}}", 8, "'y' does not begin where" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0,4]") "},\"y\":{" ENTRY("F32", "[1]", "[8,12]") "}}", 12,
          "'y' does not begin where" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0,4]") "}}", 9, "5 bytes belong to no array" },
        { "{\"x\":{" ENTRY("F32", "[1]", "[0,4]") "},\"x\":{" ENTRY("F32", "[1]", "[4,8]") "}}", 8, "duplicate object key" },
        { "{\"__metadata__\":[]}", 0, "__metadata__ is not a map" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "'a' in __metadata__ is not a text" },
    };
    static const char data[16];
    for (size_t i = 0; i < LEN(cases); i++) {
        error e = { "" };
        safetensors s;
        write_raw(cases[i].header, data, cases[i].bytes);
        const size_t used = arena_used(memory);
        assert_false(safetensors_read(path, &s, memory, &e));
        if (!strstr(e.text, cases[i].fault)) fail_msg("%s\n%s\n%s", cases[i].header, e.text, cases[i].fault);
        assert_ptr_equal(strstr(e.text, path), e.text);
        assert_int_equal(s.n, 0);
        assert_int_equal(arena_used(memory), used);
    }
    error e = { "" };
    safetensors s;
    static const unsigned char huge[16] = { 255, 255, 255, 255, 255, 255, 255, 255, '{', '}' };
    assert_true(file_write(path, huge, sizeof huge, &e));
    assert_false(safetensors_read(path, &s, memory, &e));
    assert_non_null(strstr(e.text, "not a safetensors file, or cut off: its header would be 18446744073709551615 bytes long"));
    static const char cut[20] = { 100, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
    e.text[0] = 0;
    assert_true(file_write(path, cut, sizeof cut, &e));
    assert_false(safetensors_read(path, &s, memory, &e));
    assert_non_null(strstr(e.text, "cut off: its header would be 100 bytes long"));
    assert_false(safetensors_read("/no/such", &s, memory, &(error){ "" }));
}

static const char *whole(size_t *bytes)
{
    error e = { "" };
    write_all();
    return file_read(path, bytes, memory, &e);
}

static bool reads(const char *bytes, size_t n, safetensors *s)
{
    FILE *file = fopen(path, "w");                              // not file_write: thousands of fsyncs are slow
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
    return safetensors_read(path, s, memory, &(error){ "" });
}

static void test_cut_off_anywhere(void **state)
{
    size_t bytes;
    safetensors s;
    const char *file = whole(&bytes);
    for (size_t n = 0; n < bytes; n++) assert_false(reads(file, n, &s));
    assert_true(reads(file, bytes, &s));
}

// A flipped bit in the data cannot be seen; one elsewhere gives a file that is refused or is consistent in itself.
static void test_flipped_bits(void **state)
{
    size_t bytes;
    const char *file = whole(&bytes);
    char *damaged = arena_take(memory, bytes);
    rng r = rng_start((uint64_t[]){ 1, RNG_TESTS }, 2);
    int refused = 0;
    for (size_t i = 0; i < 8 * bytes; i++) {
        const arena_mark start = arena_save(memory);
        safetensors s;
        memcpy(damaged, file, bytes);
        damaged[i / 8] ^= (char)(1 << i % 8);
        for (uint64_t more = i % 3 ? 0 : rng_below(&r, 5); more; more--) damaged[rng_below(&r, bytes)] = (char)rng_next(&r);
        size_t sum = 0;
        if (reads(damaged, bytes, &s))
            for (int k = 0; k < s.n; k++) sum += hash_bytes(s.array[k].data, array_bytes(&s.array[k]), 0) & 1;
        else refused++;
        assert_true(sum <= LEN(arrays));
        arena_restore(memory, start);
    }
    assert_true(refused > 3000);
}

static int set_up(void **state)
{
    memory = arena_new();
    const int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int tear_down(void **state)
{
    arena_free(memory);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back), cmocka_unit_test(test_form), cmocka_unit_test(test_reads_a_file_from_python),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_cut_off_anywhere), cmocka_unit_test(test_flipped_bits),
    };
    return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
