#include "base/check.h"
#include "base/param_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Where a value is read: its description, its place in memory, the YAML, and its name in messages ("lengths.2").
typedef struct slot {
    const param *p;
    void        *value;
    const yaml  *y;
    const char  *label;
    arena       *memory;
    diag        *faults;
} slot;

typedef bool reader(const slot *);                          // false after a report
typedef bool fitter(const param *, const yaml *);           // the value, of the right form, looks like one
static reader read_int, read_real, read_bool, read_choice, read_text, read_list, read_map, read_section, read_object, read_one_of;
static fitter fits_int, fits_real, fits_bool, fits_choice, fits_any, fits_list, fits_map, fits_section, fits_object;

// What each type of param is: one row, all this file knows of it.
typedef struct kind {
    size_t      size;
    yaml_kind   form;                       // as it is written
    const char *takes;                      // in messages
    reader     *read;
    fitter     *fits;
} kind;

static const kind kinds[] = {
    [PARAM_INT]     = { sizeof(int),          YAML_SCALAR, "a whole number", read_int,     fits_int },
    [PARAM_REAL]    = { sizeof(double),       YAML_SCALAR, "a number",       read_real,    fits_real },
    [PARAM_BOOL]    = { sizeof(bool),         YAML_SCALAR, "true or false",  read_bool,    fits_bool },
    [PARAM_CHOICE]  = { sizeof(int),          YAML_SCALAR, "a word",         read_choice,  fits_choice },
    [PARAM_TEXT]    = { sizeof(char *),       YAML_SCALAR, "a text",         read_text,    fits_any },
    [PARAM_LIST]    = { sizeof(param_list),   YAML_LIST,   "a list",         read_list,    fits_list },
    [PARAM_MAP]     = { sizeof(param_map),    YAML_MAP,    "a map of whole numbers", read_map, fits_map },
    [PARAM_SECTION] = { 0,                    YAML_MAP,    "a map",          read_section, fits_section },   // its size is in min
    [PARAM_OBJECT]  = { sizeof(param_object), YAML_MAP,    "{ name: … }",    read_object,  fits_object },
    [PARAM_ONE_OF]  = { sizeof(param_one_of), YAML_SCALAR, "",               read_one_of,  fits_any },
};

size_t param_size(const param *p) { return p->type == PARAM_SECTION ? (size_t)p->min : kinds[p->type].size; }

// ---- messages

#define FAULT(s, ...) (diag_error((s)->faults, (s)->y->at, __VA_ARGS__), false)

// What the user wrote, short enough for a message and cut between letters.
static const char *shown(const yaml *y, arena *a)
{
    if (y->kind != YAML_SCALAR) return y->kind == YAML_LIST ? "a list" : "a map";
    int n = (int)strlen(y->text);
    const bool long_text = n > 60;
    if (long_text)
        for (n = 60; n > 50 && (y->text[n] & 0xc0) == 0x80;) n--;
    return arena_text(a, "'%.*s%s'", n, y->text, long_text ? "…" : "");
}

static const char *joined(const char *const *words, int n, const char *last, arena *a)
{
    const char *text = n ? words[0] : "";
    for (int i = 1; i < n; i++) text = arena_text(a, "%s%s%s", text, i == n - 1 ? last : ", ", words[i]);
    return text;
}

// "; did you mean 'd_model'?", or what there is.
static const char *advice(const char *word, const char *const *words, int n, const char *what, arena *a)
{
    const char *nearest = diag_nearest(word, words, n);
    if (nearest) return arena_text(a, "; did you mean '%s'?", nearest);
    return n ? arena_text(a, "; %s %s", what, joined(words, n, ", ", a)) : "";
}

static bool wrong_kind(const slot *s)
{
    const kind *k = &kinds[s->p->type];
    const bool wrap = k->form == YAML_LIST && s->y->kind == YAML_SCALAR && strlen(s->y->text) < 40;
    return FAULT(s, "'%s' takes %s, not %s%s", s->label, k->takes, shown(s->y, s->memory),
                 wrap ? arena_text(s->memory, "; write [%s]", s->y->text) : "");
}

// "outside [1, 64]", or "below 1" where there is no other end.
static bool outside(const slot *s, bool low, double least, double most)
{
    const char *min = real_text(s->p->min, s->memory), *max = real_text(s->p->max, s->memory), *written = shown(s->y, s->memory);
    written = arena_text(s->memory, "%.*s", (int)strlen(written) - 2, written + 1);         // a number needs no quotes
    if (low && s->p->max >= most) return FAULT(s, "'%s' is %s, below %s", s->label, written, min);
    if (!low && s->p->min <= least) return FAULT(s, "'%s' is %s, above %s", s->label, written, max);
    return FAULT(s, "'%s' is %s, outside [%s, %s]", s->label, written, min, max);
}

// ---- scalars

static bool is_whole(const char *text)
{
    const char *digits = text + (*text == '-');
    return *digits && digits[strspn(digits, "0123456789")] == 0 && (digits[0] != '0' || !digits[1]);
}

static bool is_number(const char *text)
{
    const char *c = text + (*text == '-' || *text == '+');
    const size_t before = strspn(c, "0123456789");
    c += before;
    const size_t after = *c == '.' ? strspn(c + 1, "0123456789") : 0;
    c += *c == '.' ? after + 1 : 0;
    if (!before && !after) return false;
    if (*c == 'e' || *c == 'E') {
        c += 1 + (c[1] == '-' || c[1] == '+');
        const size_t power = strspn(c, "0123456789");
        if (!power) return false;
        c += power;
    }
    return !*c;
}

static bool fits_any(const param *p, const yaml *y) { return true; }
static bool fits_int(const param *p, const yaml *y) { return !y->quoted && is_whole(y->text); }
static bool fits_real(const param *p, const yaml *y) { return !y->quoted && is_number(y->text); }
static bool fits_bool(const param *p, const yaml *y)
{
    return !y->quoted && (!strcmp(y->text, "true") || !strcmp(y->text, "false"));
}


// 1e4, 10_000, 4.0, 007, '12': numbers to people, each with one spelling here.
static const char *plain_whole(const char *text, arena *a)
{
    char *bare = arena_copy(a, text), *to = bare;
    for (const char *c = text; *c; c++)
        if (*c != '_') *to++ = *c;
    *to = 0;
    const double v = is_number(bare) ? strtod(bare, NULL) : 0.5;
    return v == floor(v) && fabs(v) < 1e15 ? arena_text(a, "%.0f", v) : NULL;
}

static bool read_whole(const slot *s, int *value)
{
    if (!fits_int(s->p, s->y)) {
        const char *plain = plain_whole(s->y->text, s->memory);
        return FAULT(s, "'%s' takes a whole number, not %s%s", s->label, shown(s->y, s->memory),
                     plain ? arena_text(s->memory, "; write %s%s", plain, s->y->quoted ? " without quotes" : "") : "");
    }
    const long long v = strtoll(s->y->text, NULL, 10);              // too long a number: the largest there is, outside
    if (v <= AUTO_INT || v > INT_MAX || (double)v < s->p->min || (double)v > s->p->max)
        return outside(s, (double)v < s->p->min, -INT_MAX, INT_MAX);
    *value = (int)v;
    return true;
}

static bool read_int(const slot *s) { return read_whole(s, s->value); }

static bool read_real(const slot *s)
{
    static const char *const endless[] = { ".inf", "-.inf", "+.inf", "inf", "-inf", "infinity", ".nan", "nan" };
    for (size_t i = 0; i < LEN(endless); i++)
        if (!strcasecmp(s->y->text, endless[i])) return FAULT(s, "'%s' must be a finite number, not %s", s->label, s->y->text);
    if (!fits_real(s->p, s->y)) {
        const bool number = is_number(s->y->text);                  // in quotes, then
        return FAULT(s, "'%s' takes a number, not %s%s", s->label, shown(s->y, s->memory),
                     number ? arena_text(s->memory, "; write %s without quotes", s->y->text) : "");
    }
    const double v = strtod(s->y->text, NULL);
    if (!isfinite(v)) return FAULT(s, "'%s' is %s, too large for a number", s->label, s->y->text);
    if (!(v >= s->p->min && v <= s->p->max)) return outside(s, v < s->p->min, -HUGE_VAL, HUGE_VAL);
    *(double *)s->value = v + 0.0;                                  // no negative zero: it would be another text
    return true;
}

static bool read_bool(const slot *s)
{
    if (!fits_bool(s->p, s->y)) return FAULT(s, "'%s' is %s; write true or false", s->label, shown(s->y, s->memory));
    *(bool *)s->value = *s->y->text == 't';
    return true;
}

static bool fits_choice(const param *p, const yaml *y) { return param_find_word(p->of, y->text) >= 0; }

static bool read_choice(const slot *s)
{
    const char *const *words = s->p->of;
    const int i = param_find_word(words, s->y->text), n = param_count_words(words);
    if (i < 0) {
        const char *nearest = diag_nearest(s->y->text, words, n);
        return FAULT(s, "'%s' is %s, not %s%s", s->label, shown(s->y, s->memory), joined(words, n, " or ", s->memory),
                     nearest ? arena_text(s->memory, "; did you mean '%s'?", nearest) : "");
    }
    *(int *)s->value = i;
    return true;
}

static bool read_text(const slot *s)
{
    *(const char **)s->value = arena_copy(s->memory, s->y->text);
    return true;
}

// ---- any value

static bool read_value(const slot *s)
{
    const kind *k = &kinds[s->p->type];
    if (yaml_is_null(s->y))
        return FAULT(s, "'%s' has no value; write one or leave it out", s->label);
    if (s->y->kind == YAML_SCALAR && param_has_auto(s->p) && !strcmp(s->y->text, "auto")) {
        param_set_auto(s->p, s->value);
        return true;
    }
    const bool chooses = s->p->type == PARAM_OBJECT || s->p->type == PARAM_ONE_OF;      // more than one form
    return chooses || k->form == s->y->kind ? k->read(s) : wrong_kind(s);
}

bool param_read_value(const param *p, void *value, const yaml *y, const char *label, arena *a, diag *d)
{
    return read_value(&(slot){ p, value, y, label, a, d });
}

// ---- lists and maps

static bool takes_form(const param *p, const yaml *y)
{
    return kinds[p->type].form == y->kind || (p->type == PARAM_OBJECT && y->kind == YAML_SCALAR);
}

static bool fits_list(const param *p, const yaml *y)
{
    const param *element = p->of;
    bool fits = true;
    for (int i = 0; i < y->n && element->type != PARAM_ONE_OF; i++)
        fits &= takes_form(element, y->item[i]) && kinds[element->type].fits(element, y->item[i]);
    return fits;
}

static bool read_list(const slot *s)
{
    const param *element = s->p->of;
    const int n = s->y->n;
    const size_t size = param_size(element);
    char *items = arena_zero(s->memory, (size_t)n * size);
    bool ok = true;
    if (s->p->max > 0 && (n < s->p->min || n > s->p->max)) {
        const char *count = s->p->min == s->p->max ? real_text(s->p->min, s->memory)
                          : arena_text(s->memory, "%.0f to %.0f", s->p->min, s->p->max);
        ok = FAULT(s, "'%s' has %d entries; it takes %s", s->label, n, count);
    }
    for (int i = 0; i < n; i++) {
        void *value = items + (size_t)i * size;
        param_clear(element, value, s->memory);
        const char *label = arena_text(s->memory, "%s.%d", s->label, i);
        ok &= read_value(&(slot){ element, value, s->y->item[i], label, s->memory, s->faults });
    }
    if (ok) *(param_list *)s->value = (param_list){ n, items };
    return ok;
}

static bool fits_map(const param *p, const yaml *y) { return !y->n || is_whole(y->key[0]->text); }

static bool read_map(const slot *s)
{
    const int n = s->y->n;
    int(*pair)[2] = arena_zero(s->memory, (size_t)n * sizeof *pair);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        slot key = *s, value = *s;
        key.y = s->y->key[i];
        key.label = arena_text(s->memory, "a key of %s", s->label);
        value.y = s->y->item[i];
        value.label = arena_text(s->memory, "%s.%s", s->label, key.y->text);
        ok &= read_whole(&key, &pair[i][0]);
        ok &= value.y->kind == YAML_SCALAR && !yaml_is_null(value.y) ? read_whole(&value, &pair[i][1])
                                                                   : FAULT(&value, "'%s' takes a whole number", value.label);
    }
    if (ok) *(param_map *)s->value = (param_map){ n, pair };
    return ok;
}

// ---- tables

void param_unknown_key(const param *table, const char *key, const char *owner, mark at, arena *a, diag *d)
{
    int n = 0;
    for (const param *p = table; p->name; p++) n++;
    const char **names = arena_take(a, (size_t)n * sizeof *names);
    for (int i = 0; i < n; i++) names[i] = table[i].name;
    diag_error(d, at, "unknown key '%s' in %s%s", key, owner, n ? advice(key, names, n, "it has", a) : ", which has none");
}

// An unknown key was meant for it: reported already.
static bool is_misspelt(const param *table, const yaml *map, const char *name)
{
    bool found = false;
    for (int i = 0; map && i < map->n; i++)
        found |= !param_find(table, map->key[i]->text, strlen(map->key[i]->text)) && diag_nearest(map->key[i]->text, &name, 1);
    return found;
}

// Fields without a default that the map does not give, sections looked into; "train." before the name.
static bool report_missing(const param *table, const yaml *map, const char *before, mark at, arena *a, diag *d)
{
    bool ok = true;
    for (const param *p = table; p->name; p++) {
        if (yaml_get(map, p->name)) continue;
        if (!p->initial && !is_misspelt(table, map, p->name)) {
            diag_error(d, at, "'%s%s' must be given: %s", before, p->name, p->help ? p->help : "it has no default");
            ok = false;
        }
        if (p->type == PARAM_SECTION) ok &= report_missing(p->of, NULL, arena_text(a, "%s%s.", before, p->name), at, a, d);
    }
    return ok;
}

static bool read_table(const param *table, void *options, const yaml *map, const char *skipped, const char *owner, arena *a,
                       diag *d)
{
    bool ok = true;
    for (int i = 0; i < map->n; i++) {
        const char *key = map->key[i]->text;
        const param *p = param_find(table, key, strlen(key));
        if (!p && skipped && !strcmp(key, skipped)) continue;
        if (!p) param_unknown_key(table, key, owner, map->key[i]->at, a, d);
        ok &= p && read_value(&(slot){ p, (char *)options + p->offset, map->item[i], p->name, a, d });
    }
    return report_missing(table, map, "", map->at, a, d) && ok;
}

bool param_read(const param *table, void *options, const yaml *map, const char *owner, arena *a, diag *d)
{
    if (map->kind == YAML_MAP) return read_table(table, options, map, "name", owner, a, d);
    diag_error(d, map->at, "%s takes a map, not %s", owner, shown(map, a));
    return false;
}

static int count_known(const param *table, const yaml *map)
{
    int known = 0;
    for (int i = 0; i < map->n; i++) known += param_find(table, map->key[i]->text, strlen(map->key[i]->text)) != NULL;
    return known;
}

static bool fits_section(const param *p, const yaml *y) { return count_known(p->of, y) == y->n; }

static bool read_section(const slot *s)
{
    return read_table(s->p->of, s->value, s->y, NULL, arena_text(s->memory, "'%s'", s->label), s->memory, s->faults);
}

// ---- objects

// The key that names the entry: "name", or the family's word; NULL: neither is there.
static const char *name_key(const object_family *family, const yaml *map)
{
    return yaml_get(map, "name") ? "name" : yaml_get(map, family->what) ? family->what : NULL;
}

static bool fits_object(const param *p, const yaml *y)
{
    const char *key = name_key(p->of, y);
    const yaml *name = key ? yaml_get(y, key) : y;
    return name->kind == YAML_SCALAR && object_find(p->of, name->text);
}

static bool no_object(const object_family *family, mark at, const char *name, const char *how, arena *a, diag *d)
{
    const char **names = arena_take(a, (size_t)family->n * sizeof *names);
    for (int i = 0; i < family->n; i++) names[i] = family->entries[i]->name;
    diag_error(d, at, "%s%s", how, advice(name, names, family->n, "there are", a));
    return false;
}

bool param_read_object(const object_family *family, param_object *o, const yaml *y, arena *a, diag *d)
{
    const char *key = name_key(family, y);
    const yaml *name = key ? yaml_get(y, key) : y;
    if (yaml_is_null(name)) return no_object(family, name->at, "", arena_text(a, "%s has no value", family->what), a, d);
    if (name->kind != YAML_SCALAR) {
        const char *how = name->kind == YAML_MAP ? "%s without a name; write { name: …, … }" : "%s is { name: …, … }, not a list";
        return no_object(family, name->at, "", arena_text(a, how, family->what), a, d);
    }
    const object *type = object_find(family, name->text);
    if (!type) return no_object(family, name->at, name->text, arena_text(a, "unknown %s %s", family->what, shown(name, a)), a, d);

    param_object read = { type, arena_zero(a, type->options_size), y->at };
    param_defaults(object_table(type), read.options, a);
    const yaml *map = key ? y : &(yaml){ .kind = YAML_MAP, .at = y->at };
    bool ok = read_table(object_table(type), read.options, map, key, arena_text(a, "%s '%s'", family->what, type->name), a, d);
    if (ok && type->check) ok = type->check(read.options, y->at, d);
    *o = read;                          // even with faults: whoever reads on to find more of them needs its type
    return ok;
}

// Where there is a default object its name need not be said again: `optimizer: { lr: 0.001 }`.
static bool read_object(const slot *s)
{
    const object *usual = ((param_object *)s->value)->type;
    const yaml *y = s->y;
    if (usual && y->kind == YAML_MAP && !name_key(s->p->of, y)) {
        yaml *name = arena_take(s->memory, sizeof *name);
        *name = (yaml){ .kind = YAML_SCALAR, .at = y->at, .text = usual->name };
        y = yaml_with(y, "name", y->at, name, s->memory);
    }
    return param_read_object(s->p->of, s->value, y, s->memory, s->faults);
}

// ---- alternatives

// A value that fits no alternative was probably meant for this one: a number with a letter too many, a word or a key
// with a letter wrong.
static bool is_near(const param *p, const yaml *y)
{
    if (p->type == PARAM_INT || p->type == PARAM_REAL) return *y->text && strchr("+-.0123456789", *y->text);
    if (p->type == PARAM_CHOICE) return diag_nearest(y->text, p->of, param_count_words(p->of)) != NULL;
    if (p->type == PARAM_OBJECT) return name_key(p->of, y) != NULL;
    if (p->type != PARAM_SECTION) return false;
    bool near = count_known(p->of, y) > 0;
    for (const param *field = p->of; field->name; field++) near |= y->n && diag_nearest(y->key[0]->text, &field->name, 1);
    return near;
}

// The first alternative that the value looks like, else the one it is near to, else the only one written in its form.
const param *param_choose(const param *table, const yaml *y)
{
    const param *of_form = NULL, *near = NULL;
    int n = 0;
    for (const param *p = table; p->name; p++) {
        if (!takes_form(p, y)) continue;
        if (kinds[p->type].fits(p, y)) return p;
        if (!near && is_near(p, y)) near = p;
        if (!n++) of_form = p;
    }
    return near ? near : n == 1 || y->kind != YAML_SCALAR ? of_form : NULL;
}

static bool read_one_of(const slot *s)
{
    const param *table = s->p->of, *p = param_choose(table, s->y);
    if (!p) {
        const char *takes[16];
        int n = 0;
        for (p = table; p->name && n < (int)LEN(takes); p++) {
            const bool words = p->type == PARAM_CHOICE;
            takes[n] = words ? joined(p->of, param_count_words(p->of), " or ", s->memory) : kinds[p->type].takes;
            n += !n || takes[n] != takes[n - 1];
        }
        return FAULT(s, "'%s' takes %s, not %s", s->label, joined(takes, n, " or ", s->memory), shown(s->y, s->memory));
    }
    void *value = arena_take(s->memory, param_size(p));
    param_clear(p, value, s->memory);
    if (!read_value(&(slot){ p, value, s->y, s->label, s->memory, s->faults })) return false;
    *(param_one_of *)s->value = (param_one_of){ (int)(p - table), value };
    return true;
}

