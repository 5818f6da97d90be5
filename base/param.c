#include "base/check.h"
#include "base/param_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- finding

const param *param_find(const param *table, const char *name, size_t length)
{
    for (const param *p = table; p->name; p++)
        if (strlen(p->name) == length && !memcmp(p->name, name, length)) return p;
    return NULL;
}

const object *object_find(const object_family *family, const char *name)
{
    for (int i = 0; i < family->n; i++)
        if (!strcmp(family->entries[i]->name, name)) return family->entries[i];
    return NULL;
}

const param *object_table(const object *o)
{
    static const param none[1];
    return o->options ? o->options : none;
}

int param_count_words(const char *const *words)
{
    int n = 0;
    while (words[n]) n++;
    return n;
}

int param_find_word(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], word)) return i;
    return -1;
}

// ---- "auto"

bool param_has_auto(const param *p)
{
    return p->initial && !strcmp(p->initial, "auto") && !(p->type == PARAM_CHOICE && param_find_word(p->of, "auto") >= 0);
}

void param_set_auto(const param *p, void *value)
{
    CHECK(p->type != PARAM_BOOL && p->type != PARAM_SECTION, "'%s' cannot be auto", p->name);
    memset(value, 0, param_size(p));
    switch (p->type) {
    case PARAM_INT: case PARAM_CHOICE: *(int *)value = AUTO_INT; break;
    case PARAM_REAL:   *(double *)value = AUTO_REAL; break;
    case PARAM_TEXT:   *(const char **)value = "auto"; break;
    case PARAM_LIST:   ((param_list *)value)->n = -1; break;
    case PARAM_MAP:    ((param_map *)value)->n = -1; break;
    case PARAM_ONE_OF: ((param_one_of *)value)->which = -1; break;
    default: break;
    }
}

bool param_value_is_auto(const param *p, const void *value)
{
    if (!param_has_auto(p)) return false;
    switch (p->type) {
    case PARAM_INT: case PARAM_CHOICE: return *(const int *)value == AUTO_INT;
    case PARAM_REAL:   return isnan(*(const double *)value);
    case PARAM_TEXT:   return *(const char *const *)value && !strcmp(*(const char *const *)value, "auto");
    case PARAM_LIST:   return ((const param_list *)value)->n < 0;
    case PARAM_MAP:    return ((const param_map *)value)->n < 0;
    case PARAM_OBJECT: return !((const param_object *)value)->type;
    case PARAM_ONE_OF: return !((const param_one_of *)value)->value;
    default: return false;
    }
}

// ---- defaults

// As if nothing had been written yet: an element or alternative before it is read.
void param_clear(const param *p, void *value, arena *a)
{
    memset(value, 0, param_size(p));
    if (p->type == PARAM_SECTION) param_defaults(p->of, value, a);
}

// A scalar's default is its text as it stands, unless in quotes: TEXT "" is the text without letters.
static const yaml *initial_value(const param *p, arena *a, diag *d)
{
    if (p->type > PARAM_TEXT || *p->initial == '"' || *p->initial == '\'') return yaml_parse(p->initial, NULL, a, d);
    yaml *y = arena_zero(a, sizeof *y);
    y->text = p->initial;
    y->quoted = p->type == PARAM_TEXT;
    return y;
}

void param_default(const param *p, void *value, arena *a)
{
    param_clear(p, value, a);
    if (p->type == PARAM_SECTION || !p->initial) return;
    if (param_has_auto(p)) {
        param_set_auto(p, value);
        return;
    }
    diag *d = diag_new();
    const yaml *y = initial_value(p, a, d);
    const bool ok = y && param_read_value(p, value, y, p->name, a, d);
    if (!ok) diag_print(d, stderr);
    CHECK(ok, "the default of '%s', %s, is not allowed by its own table", p->name, p->initial);
    diag_free(d);
}

void param_defaults(const param *table, void *options, arena *a)
{
    for (const param *p = table; p->name; p++) param_default(p, (char *)options + p->offset, a);
}

// ---- one value by its path

typedef struct place { const param *table; void *options; const param *p; void *value; } place;

// Into the table that the value opens, or the entry of a list; false: there is nothing of that name in it.
static bool step_into(place *at, const char *word, size_t length)
{
    while (at->p && at->p->type == PARAM_ONE_OF) {
        const param_one_of *chosen = at->value;
        if (!chosen->value) return false;
        *at = (place){ NULL, NULL, (const param *)at->p->of + chosen->which, chosen->value };
    }
    if (at->p && at->p->type == PARAM_LIST) {
        const param_list *list = at->value;
        at->table = NULL;
        const int i = length && length < 7 && strspn(word, "0123456789") >= length ? atoi(word) : -1;
        if (i < 0 || i >= list->n) return false;
        *at = (place){ NULL, NULL, at->p->of, (char *)list->items + (size_t)i * param_size(at->p->of) };
        return true;
    }
    if (at->p && at->p->type == PARAM_SECTION) at->table = at->p->of, at->options = at->value;
    else if (at->p) {
        const param_object *o = at->p->type == PARAM_OBJECT ? at->value : NULL;
        at->table = o && o->type ? object_table(o->type) : NULL;
        at->options = o ? o->options : NULL;
    }
    at->p = at->table ? param_find(at->table, word, length) : NULL;
    if (at->p) at->value = (char *)at->options + at->p->offset;
    return at->p != NULL;
}

// A copy of the tree that lies at one place, where the override was written, not in line 1 of its text.
static yaml *placed(const yaml *y, mark at, arena *a)
{
    yaml *copy = arena_take(a, sizeof *copy);
    *copy = *y;
    copy->at = at;
    copy->item = arena_take(a, (size_t)y->n * sizeof *copy->item);
    copy->key = y->key ? arena_take(a, (size_t)y->n * sizeof *copy->key) : NULL;
    for (int i = 0; i < y->n; i++) {
        copy->item[i] = placed(y->item[i], at, a);
        if (y->key) copy->key[i] = placed(y->key[i], at, a);
    }
    return copy;
}

bool param_set(const param *table, void *options, const char *path, const char *text, mark at, arena *a, diag *d)
{
    place here = { .table = table, .options = options };
    for (const char *word = path; *word;) {
        const place before = here;
        const size_t length = strcspn(word, ".");
        if (!step_into(&here, word, length)) {
            const bool renames = before.p && before.p->type == PARAM_OBJECT && !strcmp(word, "name");
            const char *owner = word > path ? arena_text(a, "'%.*s'", (int)(word - path - 1), path) : "the options";
            if (renames) here = before;
            else if (here.table) param_unknown_key(here.table, arena_text(a, "%.*s", (int)length, word), owner, at, a, d);
            else diag_error(d, at, "there is no '%s': nothing of that name in %s", path, owner);
            if (!renames) return false;
        }
        word += length + (word[length] != 0);
    }
    diag *silent = diag_new();
    const yaml *y = *text ? yaml_parse(text, at.file, a, silent) : &(yaml){ .text = "" };
    diag_free(silent);
    if (!y || !here.p) {
        diag_error(d, at, "'%s': '%s' is not a YAML value", path, text);
        return false;
    }
    return param_read_value(here.p, here.value, placed(y, at, a), path, a, d);
}
