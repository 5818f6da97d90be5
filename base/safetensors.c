#include "base/safetensors.h"
#include "base/check.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAY_TYPES = ARRAY_U8 + 1, LONGEST_HEADER = 100000000, WORD = 8 };      // the format's own limit on its header

static const struct { const char *name; size_t bytes; } types[ARRAY_TYPES] = {
    [ARRAY_F32] = { "F32", 4 }, [ARRAY_F64] = { "F64", 8 },
    [ARRAY_I32] = { "I32", 4 }, [ARRAY_I64] = { "I64", 8 }, [ARRAY_U8] = { "U8", 1 },
};

int64_t array_count(const named_array *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++) n *= a->dim[i];
    return n;
}

size_t array_bytes(const named_array *a) { return (size_t)array_count(a) * types[a->type].bytes; }

// ---- writing

// Wide elements first, then in the order given: every array starts at a multiple of its element.
static int compare_for_file(const void *a, const void *b)
{
    const named_array *const *x = a, *const *y = b;
    const size_t wide_x = types[(*x)->type].bytes, wide_y = types[(*y)->type].bytes;
    return wide_x != wide_y ? (wide_x < wide_y ? 1 : -1) : (*x > *y) - (*x < *y);
}

static void put(json_t *object, const char *key, json_t *value)
{
    CHECK(value, "'%s' or what it holds is not UTF-8", key);
    CHECK(!json_object_get(object, key), "'%s' is written twice", key);
    CHECK(!json_object_set_new(object, key, value), "'%s' is not UTF-8", key);
}

static json_t *describe(const named_array *a, int64_t offset)
{
    CHECK(a->rank >= 0 && a->rank <= (int)LEN(a->dim), "'%s' has rank %d", a->name, a->rank);
    json_t *shape = json_array();
    for (int i = 0; i < a->rank; i++) {
        CHECK(a->dim[i] >= 0, "'%s' has a dimension of %lld", a->name, (long long)a->dim[i]);
        json_array_append_new(shape, json_integer(a->dim[i]));
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[a->type].name, "shape", shape, "data_offsets",
                     (json_int_t)offset, (json_int_t)(offset + (int64_t)array_bytes(a)));
}

// The header's text, padded with spaces so that the data start at a multiple of 8; to be freed.
static char *header_text(const named_array *const *sorted, int n, const char *const (*metadata)[2], int n_metadata)
{
    json_t *header = json_object();
    if (n_metadata) {
        json_t *words = json_object();
        for (int i = 0; i < n_metadata; i++) put(words, metadata[i][0], json_string(metadata[i][1]));
        put(header, "__metadata__", words);
    }
    int64_t offset = 0;
    for (int i = 0; i < n; i++) {
        put(header, sorted[i]->name, describe(sorted[i], offset));
        offset += (int64_t)array_bytes(sorted[i]);
    }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    CHECK(text, "no memory left for a header of %d arrays", n);
    const size_t length = strlen(text), padded = (length + WORD - 1) / WORD * WORD;
    text = realloc(text, padded + 1);
    CHECK(text, "no memory left for a header of %d arrays", n);
    memset(text + length, ' ', padded - length);
    text[padded] = 0;
    return text;
}

bool safetensors_write(const char *path, const named_array *array, int n, const char *const (*metadata)[2], int n_metadata,
                       error *e)
{
    const named_array **sorted = malloc((size_t)(n + 1) * sizeof *sorted);
    file_part *part = malloc((size_t)(n + 2) * sizeof *part);
    CHECK(sorted && part, "no memory left for a list of %d arrays", n);
    for (int i = 0; i < n; i++) sorted[i] = &array[i];
    qsort(sorted, (size_t)n, sizeof *sorted, compare_for_file);

    char *header = header_text(sorted, n, metadata, n_metadata);
    const uint64_t length = strlen(header);                             // x86-64 is little-endian, as the format is
    part[0] = (file_part){ &length, sizeof length };
    part[1] = (file_part){ header, length };
    for (int i = 0; i < n; i++) part[i + 2] = (file_part){ sorted[i]->data, array_bytes(sorted[i]) };
    const bool ok = file_write_parts(path, part, n + 2, e);
    free(header);
    free(part);
    free(sorted);
    return ok;
}

// ---- reading: nothing in the file is believed before it is checked

typedef struct reader {
    const char *path;
    const char *data;               // after the header
    int64_t     bytes;              // of data
    arena      *memory;
    error      *error;
} reader;

typedef struct extent { int64_t begin, end; named_array array; } extent;        // where in the data an array lies

#define REJECT(r, ...) (error_set((r)->error, __VA_ARGS__))

static bool read_type(const reader *r, const char *name, const json_t *entry, named_array *a)
{
    const char *word = json_string_value(json_object_get(entry, "dtype"));
    if (!word) return REJECT(r, "%s: '%.80s' has no dtype", r->path, name);
    for (int t = 0; t < ARRAY_TYPES; t++)
        if (!strcmp(word, types[t].name)) {
            a->type = (array_type)t;
            return true;
        }
    return REJECT(r, "%s: '%.80s' is of type %.20s; F32, F64, I32, I64 and U8 can be read", r->path, name, word);
}

static bool read_shape(const reader *r, const char *name, const json_t *entry, named_array *a, int64_t *bytes)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) return REJECT(r, "%s: '%.80s' has no shape", r->path, name);
    if (json_array_size(shape) > LEN(a->dim))
        return REJECT(r, "%s: '%.80s' has %zu dimensions; at most %zu can be read", r->path, name, json_array_size(shape),
                      LEN(a->dim));
    a->rank = (int)json_array_size(shape);
    *bytes = (int64_t)types[a->type].bytes;
    bool fits = true;
    for (int i = 0; i < a->rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        a->dim[i] = json_integer_value(dim);
        if (!json_is_integer(dim) || a->dim[i] < 0) return REJECT(r, "%s: '%.80s' has a shape that is none", r->path, name);
        fits &= !__builtin_mul_overflow(*bytes, a->dim[i], bytes);
    }
    return fits || REJECT(r, "%s: '%.80s' has a shape too large", r->path, name);
}

static bool read_offsets(const reader *r, const char *name, const json_t *entry, int64_t bytes, extent *x)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return REJECT(r, "%s: '%.80s' has no data_offsets", r->path, name);
    x->begin = json_integer_value(begin);
    x->end = json_integer_value(end);
    if (x->begin < 0 || x->end < x->begin || x->end > r->bytes)
        return REJECT(r, "%s: '%.80s' lies outside the file; it is cut off or damaged", r->path, name);
    if (x->end - x->begin != bytes)
        return REJECT(r, "%s: '%.80s' takes %lld bytes, its shape says %lld", r->path, name, (long long)(x->end - x->begin),
                      (long long)bytes);
    return true;
}

static bool read_entry(const reader *r, const char *name, const json_t *entry, extent *x)
{
    int64_t bytes = 0;
    if (!json_is_object(entry)) return REJECT(r, "%s: '%.80s' is not described", r->path, name);
    x->array = (named_array){ .name = arena_copy(r->memory, name) };
    return read_type(r, name, entry, &x->array) && read_shape(r, name, entry, &x->array, &bytes) &&
           read_offsets(r, name, entry, bytes, x);
}

static bool read_metadata(const reader *r, json_t *words, safetensors *s)
{
    const char *key;
    json_t *value;
    if (!json_is_object(words)) return REJECT(r, "%s: __metadata__ is not a map", r->path);
    s->metadata = arena_take(r->memory, json_object_size(words) * sizeof *s->metadata);
    json_object_foreach(words, key, value) {
        if (!json_is_string(value)) return REJECT(r, "%s: '%.80s' in __metadata__ is not a text", r->path, key);
        s->metadata[s->n_metadata][0] = arena_copy(r->memory, key);
        s->metadata[s->n_metadata++][1] = arena_copy(r->memory, json_string_value(value));
    }
    return true;
}

static int compare_extents(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

// The arrays must cover the data without a gap and without sharing any.
static bool copy_arrays(const reader *r, extent *x, int n, safetensors *s)
{
    qsort(x, (size_t)n, sizeof *x, compare_extents);
    int64_t end = 0;
    for (int i = 0; i < n; end = x[i++].end)
        if (x[i].begin != end)
            return REJECT(r, "%s: '%.80s' does not begin where the array before it ends", r->path, x[i].array.name);
    if (end != r->bytes) return REJECT(r, "%s: %lld bytes belong to no array", r->path, (long long)(r->bytes - end));

    s->n = n;
    s->array = arena_take(r->memory, (size_t)n * sizeof *s->array);
    for (int i = 0; i < n; i++) {
        const size_t bytes = (size_t)(x[i].end - x[i].begin);
        s->array[i] = x[i].array;
        s->array[i].data = arena_take(r->memory, bytes);
        memcpy(s->array[i].data, r->data + x[i].begin, bytes);
    }
    return true;
}

static bool read_header(const reader *r, json_t *header, arena *scratch, safetensors *s)
{
    extent *extents = arena_take(scratch, json_object_size(header) * sizeof *extents);
    const char *name;
    json_t *entry;
    int n = 0;
    json_object_foreach(header, name, entry) {
        if (strcmp(name, "__metadata__") ? !read_entry(r, name, entry, &extents[n++]) : !read_metadata(r, entry, s)) return false;
    }
    return copy_arrays(r, extents, n, s);
}

static bool read_file(const char *path, safetensors *s, arena *a, arena *scratch, error *e)
{
    size_t bytes;
    uint64_t length;
    const char *file = file_read(path, &bytes, scratch, e);
    if (!file) return false;
    if (bytes < sizeof length) return error_set(e, "%s: not a safetensors file: it is only %zu bytes long", path, bytes);
    memcpy(&length, file, sizeof length);
    if (length > LONGEST_HEADER || length > bytes - sizeof length)
        return error_set(e, "%s: not a safetensors file, or cut off: its header would be %llu bytes long", path,
                         (unsigned long long)length);

    const char *text = file + sizeof length;
    json_error_t why = { .text = "not a map" };
    json_t *header = *text == '{' ? json_loadb(text, length, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (!header) return error_set(e, "%s: its header is damaged: %.200s", path, why.text);
    const reader r = { path, text + length, (int64_t)(bytes - sizeof length - length), a, e };
    const bool ok = read_header(&r, header, scratch, s);
    json_decref(header);
    return ok;
}

bool safetensors_read(const char *path, safetensors *s, arena *a, error *e)
{
    arena *scratch = arena_new();               // the file whole, beside the copies, for as long as this takes
    const arena_mark start = arena_save(a);
    *s = (safetensors){ 0 };
    const bool ok = read_file(path, s, a, scratch, e);
    if (!ok) {
        *s = (safetensors){ 0 };
        arena_restore(a, start);
    }
    arena_free(scratch);
    return ok;
}

const named_array *safetensors_find(const safetensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->array[i].name, name)) return &s->array[i];
    return NULL;
}

const char *safetensors_metadata(const safetensors *s, const char *key)
{
    for (int i = 0; i < s->n_metadata; i++)
        if (!strcmp(s->metadata[i][0], key)) return s->metadata[i][1];
    return NULL;
}
