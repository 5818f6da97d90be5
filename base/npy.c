#include "base/npy.h"
#include "base/check.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// "\x93NUMPY", major and minor version; then the header's length, 2 bytes in version 1, 4 later
static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, BEFORE_1 = 10, BEFORE_2 = 12, ALIGNED = 64 };

char *npy_header(int64_t rows, int64_t columns, size_t *bytes, arena *a)
{
    const char *dict = arena_text(a, "{'descr': '<i4', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", rows,
                                  columns);
    // numpy leaves room for a first dimension of 21 digits, then fills with spaces up to the next multiple of 64
    char digits[32];
    const int growth = 21 - snprintf(digits, sizeof digits, "%" PRId64, rows);
    const size_t length = strlen(dict), wanted = BEFORE_1 + length + (size_t)growth + 1;
    *bytes = (wanted + ALIGNED - 1) / ALIGNED * ALIGNED;
    char *header = arena_take(a, *bytes);
    memset(header, ' ', *bytes);
    memcpy(header, magic, MAGIC);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)((*bytes - BEFORE_1) & 255);
    header[9] = (char)((*bytes - BEFORE_1) >> 8);
    memcpy(header + BEFORE_1, dict, length);
    header[*bytes - 1] = '\n';
    return header;
}

// ---- reading: nothing in the file is believed before it is checked

// The dict's text, read from the front.
typedef struct reader { const char *path, *at, *end; npy *array; bool typed, ordered, shaped; error *error; } reader;

static bool damaged(const reader *r) { return error_set(r->error, "%s: not a .npy file, or its header is damaged", r->path); }

static bool sees(reader *r, char c)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t')) r->at++;
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

// 'text' or "text"
static bool read_text(reader *r, char *text, size_t room)
{
    const char quote = sees(r, '\'') ? '\'' : sees(r, '"') ? '"' : 0;
    const char *close = quote ? memchr(r->at, quote, (size_t)(r->end - r->at)) : NULL;
    if (!close || (size_t)(close - r->at) >= room) return damaged(r);
    memcpy(text, r->at, (size_t)(close - r->at));
    text[close - r->at] = 0;
    r->at = close + 1;
    return true;
}

static bool read_type(reader *r)
{
    char type[32];
    if (sees(r, '[')) return error_set(r->error, "%s holds records; save a plain array of ids, int32 or int64", r->path);
    if (!read_text(r, type, sizeof type)) return false;
    r->typed = true;
    r->array->wide = strcmp(type, "<i8") == 0;
    if (r->array->wide || strcmp(type, "<i4") == 0) return true;
    return error_set(r->error, "%s holds numbers of type '%s'; save ids, int32 or int64, as with .astype('int32')%s", r->path,
                     type, type[1] == 'f' ? " (of scores, the argmax)" : "");
}

static bool read_order(reader *r)
{
    static const struct { const char *word; bool fortran; } words[] = { { "True", true }, { "False", false } };
    while (r->at < r->end && *r->at == ' ') r->at++;
    for (size_t i = 0; i < LEN(words); i++) {
        const size_t n = strlen(words[i].word);
        if ((size_t)(r->end - r->at) < n || memcmp(r->at, words[i].word, n) != 0) continue;
        r->at += n;
        r->array->fortran = words[i].fortran;
        return r->ordered = true;
    }
    return damaged(r);
}

static bool read_shape(reader *r)
{
    npy *x = r->array;
    if (!sees(r, '(')) return damaged(r);
    for (x->rank = 0; !sees(r, ')'); x->rank++) {
        if (x->rank == NPY_RANK) return error_set(r->error, "%s has more than %d dimensions", r->path, NPY_RANK);
        int64_t dim = 0;
        const char *digits = r->at += strspn(r->at, " ");
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
            if (__builtin_mul_overflow(dim, 10, &dim) || __builtin_add_overflow(dim, *r->at - '0', &dim)) return damaged(r);
        if (r->at == digits) return damaged(r);
        x->dim[x->rank] = dim;
        const bool comma = sees(r, ',');
        if (!comma && (r->at == r->end || *r->at != ')')) return damaged(r);
    }
    return r->shaped = true;
}

static bool read_dict(reader *r)
{
    static const struct { const char *key; bool (*read)(reader *); } entries[] = {
        { "descr", read_type }, { "fortran_order", read_order }, { "shape", read_shape } };
    char key[32];
    if (!sees(r, '{')) return damaged(r);
    while (!sees(r, '}')) {
        if (!read_text(r, key, sizeof key) || !sees(r, ':')) return damaged(r);
        size_t i = 0;
        while (i < LEN(entries) && strcmp(entries[i].key, key) != 0) i++;
        if (i == LEN(entries)) return damaged(r);
        if (!entries[i].read(r)) return false;
        sees(r, ',');
    }
    return (r->typed && r->ordered && r->shaped) || damaged(r);
}

// Where the dict ends and the data begin; 0: not a .npy file.
static size_t find_data(const char *file, size_t bytes, reader *r)
{
    if (bytes < BEFORE_2 || memcmp(file, magic, MAGIC) != 0 || file[6] < 1 || file[6] > 3) return 0;
    const unsigned char *size = (const unsigned char *)file + 8;
    const size_t short_length = size[0] | (size_t)size[1] << 8, before = file[6] == 1 ? BEFORE_1 : BEFORE_2;
    const size_t length = file[6] == 1 ? short_length : short_length | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (length > bytes - before) return 0;
    r->at = file + before;
    r->end = r->at + length;
    return before + length;
}

bool npy_read(const char *path, npy *x, arena *a, error *e)
{
    size_t bytes;
    *x = (npy){ 0 };
    const char *file = file_read(path, &bytes, a, e);
    if (!file) return false;
    reader r = { .path = path, .array = x, .error = e };
    const size_t from = find_data(file, bytes, &r);
    if (!from) return damaged(&r);
    if (!read_dict(&r)) return false;
    int64_t wanted = x->wide ? 8 : 4;
    for (int i = 0; i < x->rank; i++)
        if (__builtin_mul_overflow(wanted, x->dim[i], &wanted)) return damaged(&r);
    x->data = file + from;
    return wanted == (int64_t)(bytes - from) ||
           error_set(e, "%s has %zu bytes of data, its shape %s asks for %" PRId64 ": it is cut off or damaged", path,
                     bytes - from, npy_shape(x, a), wanted);
}

int64_t npy_at(const npy *x, int64_t row, int64_t column)
{
    CHECK(x->rank == 2 && row >= 0 && row < x->dim[0] && column >= 0 && column < x->dim[1], "row %lld, column %lld",
          (long long)row, (long long)column);
    const int64_t i = x->fortran ? column * x->dim[0] + row : row * x->dim[1] + column;
    int32_t narrow = 0;                                 // a header of version 1 need not leave the data aligned
    int64_t wide = 0;
    if (x->wide) memcpy(&wide, x->data + 8 * i, sizeof wide);
    else         memcpy(&narrow, x->data + 4 * i, sizeof narrow);
    return x->wide ? wide : narrow;
}

const char *npy_shape(const npy *x, arena *a)
{
    const char *text = "[";
    for (int i = 0; i < x->rank; i++) text = arena_text(a, "%s%s%" PRId64, text, i ? ", " : "", x->dim[i]);
    return arena_text(a, "%s]", text);
}
