// What param.c (defaults, one value by its path), param_read.c (values and tables from YAML) and param_print.c share.
#pragma once
#include "base/param.h"

// "'label' takes …"; false after a report.
bool param_read_value(const param *, void *value, const yaml *, const char *label, arena *, diag *);
const param *param_choose(const param *alternatives, const yaml *);     // which one it is read as; NULL: none takes its form
void param_unknown_key(const param *table, const char *key, const char *owner, mark at, arena *, diag *);
bool param_has_auto(const param *);                          // "auto" may be written
bool param_value_is_auto(const param *, const void *value);
void param_set_auto(const param *, void *value);
void param_clear(const param *, void *value, arena *);       // as if nothing had been written yet
const param *param_find(const param *table, const char *name, size_t length);
int  param_count_words(const char *const *words);
int  param_find_word(const char *const *words, const char *word);
const param *object_table(const object *);      // its options; never NULL
