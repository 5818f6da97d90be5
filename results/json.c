#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "results/json.h"
#include "base/check.h"

json_t *json_from_real(double x)
{
    if (isfinite(x))
        return json_real(x);
    return json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

double json_to_real(const json_t *value)
{
    if (json_is_number(value))
        return json_number_value(value);
    const char *text = json_string_value(value);
    if (text && strcmp(text, "inf") == 0)
        return INFINITY;
    if (text && strcmp(text, "-inf") == 0)
        return -INFINITY;
    return NAN;
}

json_t *json_at(const json_t *value, const char *path)
{
    char key[128];
    while (value && *path) {
        const size_t n = strcspn(path, ".");
        CHECK(n < sizeof key, "the path '%s' is too long", path);
        memcpy(key, path, n);
        key[n] = 0;
        value = json_object_get(value, key);
        path += n + (path[n] == '.');
    }
    return (json_t *)value;
}

double json_real_at(const json_t *value, const char *path)
{
    return json_to_real(json_at(value, path));
}

json_int_t json_int_at(const json_t *value, const char *path, json_int_t absent)
{
    const json_t *at = json_at(value, path);
    return json_is_integer(at) ? json_integer_value(at) : absent;
}

const char *json_text_at(const json_t *value, const char *path, const char *absent)
{
    const char *text = json_string_value(json_at(value, path));
    return text ? text : absent;
}

// A text that grows; jansson's own writer prints reals with a fixed number of digits.
typedef struct writer { char *text; size_t length, room; bool pages; } writer;

static void put(writer *w, const char *text, size_t n)
{
    if (w->length + n + 1 > w->room) {
        w->room = 2 * (w->length + n + 1);
        w->text = realloc(w->text, w->room);
        CHECK(w->text, "no memory for %zu bytes of JSON", w->room);
    }
    memcpy(w->text + w->length, text, n);
    w->length += n;
}

static void put_text(writer *w, const char *text) { put(w, text, strlen(text)); }

static void put_line(writer *w, int depth)
{
    put(w, "\n", 1);
    for (int i = 0; i < depth; i++)
        put(w, "  ", 2);
}

static void put_real(writer *w, double x)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    if (x == rint(x) && fabs(x) < 1e15)
        snprintf(text, sizeof text, "%.1f", x);         // 30.0 rather than 3e+01
    put_text(w, text);
    if (!strpbrk(text, ".e"))
        put(w, ".0", 2);                                // stays a real when read again
}

static void put_string(writer *w, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    CHECK(text, "no memory for a JSON text");
    put_text(w, text);
    free(text);
}

static bool is_container(const json_t *v) { return json_is_object(v) || json_is_array(v); }

// One line for what holds no containers, and for an array that holds only such short ones as [step, loss, error].
static bool fits_line(const json_t *value)
{
    size_t i;
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)value, key, item)
        if (is_container(item))
            return false;
    json_array_foreach(value, i, item)
        if (is_container(item) && !(json_is_array(item) && json_array_size(item) <= 4 && fits_line(item)))
            return false;
    return true;
}

static void put_value(writer *w, const json_t *value, int depth);

static void put_container(writer *w, const json_t *value, int depth)
{
    const bool object = json_is_object(value), lines = w->pages && !fits_line(value);
    const char *separator = w->pages && !lines ? ", " : ",", *key;
    size_t i, n = 0;
    json_t *item;
    put(w, object ? "{" : "[", 1);
    json_object_foreach((json_t *)value, key, item) {
        if (n++)
            put_text(w, separator);
        if (lines)
            put_line(w, depth + 1);
        json_t *name = json_string(key);
        CHECK(name, "no memory for a JSON key");
        put_string(w, name);
        json_decref(name);
        put_text(w, w->pages ? ": " : ":");
        put_value(w, item, depth + 1);
    }
    json_array_foreach(value, i, item) {
        if (n++)
            put_text(w, separator);
        if (lines)
            put_line(w, depth + 1);
        put_value(w, item, depth + 1);
    }
    if (lines)
        put_line(w, depth);
    put(w, object ? "}" : "]", 1);
}

static void put_value(writer *w, const json_t *value, int depth)
{
    char text[32];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:   put_container(w, value, depth); break;
    case JSON_STRING:  put_string(w, value); break;
    case JSON_INTEGER: put(w, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value))); break;
    case JSON_REAL:    put_real(w, json_real_value(value)); break;
    case JSON_TRUE:    put_text(w, "true"); break;
    case JSON_FALSE:   put_text(w, "false"); break;
    case JSON_NULL:    put_text(w, "null"); break;
    }
}

static char *write_json(const json_t *value, bool pages, arena *a)
{
    CHECK(value, "no JSON to write");
    writer w = { .pages = pages };
    put_value(&w, value, 0);
    put(&w, "\n", 2);                                   // its NUL too
    char *copy = arena_copy(a, w.text);
    free(w.text);
    return copy;
}

char *json_line(const json_t *value, arena *a) { return write_json(value, false, a); }
char *json_pages(const json_t *value, arena *a) { return write_json(value, true, a); }

json_t *json_parse(const char *text, size_t bytes, const char *path, error *err)
{
    json_error_t trouble;
    json_t *value = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &trouble);
    if (!value)
        error_set(err, "%s:%d:%d: not valid JSON: %s", path, trouble.line, trouble.column, trouble.text);
    return value;
}
