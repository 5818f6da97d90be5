// JSON as the store writes it: reals as the shortest text that reads back, NaN and infinities as the texts "nan", "inf",
// "-inf" (JSON has no word for them). Keys keep their order. Lines end in '\n'.
#pragma once
#include <jansson.h>
#include "base/arena.h"
#include "base/diag.h"

json_t *json_from_real(double);                         // a real, or one of the three texts; a new reference
double  json_to_real(const json_t *);                   // integers too; anything else, NULL included: NaN

// Borrowed: the value at a path of object keys, "cost.parameters"; NULL where absent.
json_t     *json_at(const json_t *, const char *path);
double      json_real_at(const json_t *, const char *path);                       // NaN where absent
json_int_t  json_int_at (const json_t *, const char *path, json_int_t absent);
const char *json_text_at(const json_t *, const char *path, const char *absent);

char   *json_line (const json_t *, arena *);            // compact, one line
char   *json_pages(const json_t *, arena *);            // for people too: one line for what holds no other container
json_t *json_parse(const char *text, size_t bytes, const char *path, error *);    // NULL: the error names path, line, column
