// Option tables: the only description of a setting. A table drives reading from YAML with ranges and suggestions,
// defaults, `list`, the identity of a run and what is written into results. A struct of options is plain C; its table
// says where each field lies and what may stand in it.
//
//   typedef struct gla_config { int heads; double decay; } gla_config;
//   static const param gla_params[] = {
//       INT (gla_config, heads, "4",   1, 64, "heads"),
//       REAL(gla_config, decay, "0.9", 0, 1,  "decay at initialisation"),
//       {0}
//   };
#pragma once
#include <limits.h>
#include "base/arena.h"
#include "base/diag.h"
#include "base/yaml.h"

typedef enum {
    PARAM_INT,          // int
    PARAM_REAL,         // double
    PARAM_BOOL,         // bool
    PARAM_CHOICE,       // int, the index into `of`, a NULL-terminated array of words (use an enum in the same order)
    PARAM_TEXT,         // const char *
    PARAM_LIST,         // param_list of what the one param at `of` describes; max > 0: min to max of them
    PARAM_MAP,          // param_map: int to int, { 64: 256, 192: 86 }; min and max hold for keys and values
    PARAM_SECTION,      // a nested struct with the table at `of`
    PARAM_OBJECT,       // param_object: { name: gla, … }, one of the family at `of`, with its own table
    PARAM_ONE_OF,       // param_one_of: the first alternative of the table at `of` that the YAML value looks like; among
                        // maps their keys tell; an alternative's name is never written, its offset not used
} param_type;

typedef struct param {
    const char *name;
    param_type  type;
    size_t      offset;                 // in the struct of options
    const char *initial;                // the default as written in YAML; "auto": derived later; NULL: must be given
    double      min, max;
    const void *of;
    const char *help;                   // one line, with the unit
    bool        free;                   // may change without changing what is trained: not part of an identity
} param;

typedef struct param_list   { int n; void *items; } param_list;              // items: an array of the element's C type
typedef struct param_map    { int n; int (*pair)[2]; } param_map;            // in the order written
typedef struct param_one_of { int which; void *value; } param_one_of;        // value: of the alternative's C type

// What a family of named things (architectures, mixers, tasks, optimizers) has in common. Put OBJECT_FIELDS first in the
// struct that describes one; `&thing->object` is then its view for this file.
#define OBJECT_FIELDS \
    const char  *name, *source, *summary;  /* the word in YAML; the paper or code it comes from; one line */ \
    int          version;                  /* raised when the same options would give other numbers */ \
    const param *options;                  /* ends with {0} */ \
    size_t       options_size; \
    bool       (*check)(const void *options, mark at, diag *)    /* rules across fields; may be NULL */
typedef struct object { OBJECT_FIELDS; } object;
#define OBJECT union { object object; struct { OBJECT_FIELDS; }; }

typedef struct object_family {
    const char *what;                                   // "architecture", for messages
    int         n;
    const object *const *entries;                       // [n]
} object_family;
typedef struct param_object { const object *type; void *options; mark at; } param_object;

const object *object_find(const object_family *, const char *name);          // NULL where there is none

// "auto": a value that the owner derives from others (a width, a rank). In YAML it may be written where it is the
// default. A text is "auto", a list or map has n = -1, an object no type, a one_of no value; a bool cannot be auto.
#define AUTO_INT  INT_MIN
#define AUTO_REAL __builtin_nan("")

// The macros check the field's type at compile time.
#define PARAM_FIELD_(T, field, ctype) (offsetof(T, field) + 0 * sizeof(char[_Generic(((T *)0)->field, ctype: 1, default: -1)]))
#define INT(T, f, init_, lo, hi, text)   { #f, PARAM_INT,     PARAM_FIELD_(T, f, int),          init_, lo, hi, 0, text, 0 }
#define REAL(T, f, init_, lo, hi, text)  { #f, PARAM_REAL,    PARAM_FIELD_(T, f, double),       init_, lo, hi, 0, text, 0 }
#define BOOL(T, f, init_, text)          { #f, PARAM_BOOL,    PARAM_FIELD_(T, f, bool),         init_, 0, 0, 0, text, 0 }
#define CHOICE(T, f, init_, words, text) { #f, PARAM_CHOICE,  PARAM_FIELD_(T, f, int),          init_, 0, 0, words, text, 0 }
#define TEXT(T, f, init_, text)          { #f, PARAM_TEXT,    PARAM_FIELD_(T, f, const char *), init_, 0, 0, 0, text, 0 }
#define LIST(T, f, init_, element, text) { #f, PARAM_LIST,    PARAM_FIELD_(T, f, param_list),   init_, 0, 0, element, text, 0 }
#define MAP(T, f, init_, lo, hi, text)   { #f, PARAM_MAP,     PARAM_FIELD_(T, f, param_map),    init_, lo, hi, 0, text, 0 }
#define SECTION(T, f, table, text)       { #f, PARAM_SECTION, offsetof(T, f), "{}", sizeof(((T *)0)->f), 0, table, text, 0 }
#define OBJECT_OF(T, f, init_, family, text) { #f, PARAM_OBJECT, PARAM_FIELD_(T, f, param_object), init_, 0, 0, family, text, 0 }
#define ONE_OF(T, f, init_, table, text) { #f, PARAM_ONE_OF,  PARAM_FIELD_(T, f, param_one_of), init_, 0, 0, table, text, 0 }

// What a list's element or a one_of's alternative may be, besides the macros above: entries without a field.
#define AN_INT(lo, hi, text)              { "", PARAM_INT,     0, NULL, lo, hi, 0, text, 0 }
#define A_REAL(lo, hi, text)              { "", PARAM_REAL,    0, NULL, lo, hi, 0, text, 0 }
#define A_BOOL(text)                      { "", PARAM_BOOL,    0, NULL, 0, 0, 0, text, 0 }
#define A_CHOICE(words, text)             { "", PARAM_CHOICE,  0, NULL, 0, 0, words, text, 0 }
#define A_TEXT(text)                      { "", PARAM_TEXT,    0, NULL, 0, 0, 0, text, 0 }
#define A_LIST(element, least, most, text) { "", PARAM_LIST,   0, NULL, least, most, element, text, 0 }
#define A_MAP(lo, hi, text)               { "", PARAM_MAP,     0, NULL, lo, hi, 0, text, 0 }
#define A_SECTION(T, table, text)         { "", PARAM_SECTION, 0, NULL, sizeof(T), 0, table, text, 0 }
#define AN_OBJECT(family, text)           { "", PARAM_OBJECT,  0, NULL, 0, 0, family, text, 0 }

size_t param_size(const param *);                           // of the value's C type
void   param_default(const param *, void *value, arena *);  // one value

// Fills the struct with the defaults. A field that must be given is left zero.
void param_defaults(const param *table, void *options, arena *);

// Reads a map into a struct already filled with defaults: unknown keys (with a suggestion), wrong kinds, values out of
// range and missing ones are all reported. `owner` names the table in messages: "architecture 'mamba'". The key "name"
// is skipped, being an object's own word. False if anything was reported.
bool param_read(const param *table, void *options, const yaml *map, const char *owner, arena *, diag *);

// One value by its path: "optimizer.lr", with the text of a YAML value. In place; an object's check() is not asked.
bool param_set(const param *table, void *options, const char *path, const char *text, mark at, arena *, diag *);

// `{ name: gla, … }` into a param_object: finds the entry, fills its defaults, reads the rest and, if all was well, asks
// its check(). The bare word `gla` and the family's word instead of "name", `{ mixer: gla, … }`, are the same.
bool param_read_object(const object_family *, param_object *, const yaml *, arena *, diag *);

// A struct as one line of YAML, fields in the table's order, reals as the shortest text that reads back.
// PRINT_CHANGED leaves out what equals the default and what is free: the canonical text of an identity.
typedef enum { PRINT_ALL, PRINT_CHANGED } param_print_kind;
const char *param_print(const param *table, const void *options, param_print_kind, arena *);
const char *param_value(const param *, const void *options, arena *);       // one field's value
const char *param_print_object(const param_object *, param_print_kind, arena *);    // "{ name: gla, heads: 2 }"

// Help for people: name, default, range or choices, what it is; nested tables indented.
void param_list_options(const param *table, int indent, FILE *);

const char *real_text(double, arena *);                 // the shortest text that reads back; "inf", "-inf", "nan"
