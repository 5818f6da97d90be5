#include "base/check.h"
#include "base/param_parts.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- numbers

const char *real_text(double v, arena *a)
{
    if (isnan(v)) return "nan";
    if (isinf(v)) return v > 0 ? "inf" : "-inf";
    char text[40];
    int digits = fabs(v) < DBL_MIN ? 1 : 15;            // 15 are always exact and lose their zeros; what is denormal has fewer
    do snprintf(text, sizeof text, "%.*g", digits, v);
    while (strtod(text, NULL) != v && ++digits <= 17);
    char *power = strchr(text, 'e');                    // 1e-05 and 1e+20: 1e-5, 1e20
    if (!power) return arena_copy(a, text);
    *power = 0;
    return arena_text(a, "%se%d", text, atoi(power + 1));
}

// ---- values as YAML: what param_read takes apart, put together again

static yaml *as_yaml(const param *, const void *value, param_print_kind, arena *);

static yaml *scalar(const char *text, bool quoted, arena *a)
{
    yaml *y = arena_zero(a, sizeof *y);
    y->text = text;
    y->quoted = quoted;
    return y;
}

static yaml *container(yaml_kind kind, int room, arena *a)
{
    yaml *y = arena_zero(a, sizeof *y);
    y->kind = kind;
    y->item = arena_take(a, (size_t)room * sizeof *y->item);
    y->key = kind == YAML_MAP ? arena_take(a, (size_t)room * sizeof *y->key) : NULL;
    return y;
}

static void put(yaml *map, const char *key, yaml *item, arena *a)
{
    map->key[map->n] = scalar(key, false, a);
    map->item[map->n++] = item;
}

// A value of its own, as the table's initial text makes it.
static const char *default_text(const param *p, param_print_kind print, arena *a)
{
    void *value = arena_take(a, param_size(p));
    param_default(p, value, a);
    return yaml_flow(as_yaml(p, value, print, a), a);
}

static bool is_left_out(const param *p, const yaml *y, arena *a)
{
    if (p->free) return true;
    if (p->type == PARAM_SECTION) return !y->n;
    return p->initial && !strcmp(yaml_flow(y, a), default_text(p, PRINT_CHANGED, a));
}

// The fields of a table, after the name of whose they are, if any.
static yaml *table_as_yaml(const param *table, const void *options, const char *name, param_print_kind print, arena *a)
{
    int n = 1;
    for (const param *p = table; p->name; p++) n++;
    yaml *map = container(YAML_MAP, n, a);
    if (name) put(map, "name", scalar(name, true, a), a);
    for (const param *p = table; p->name; p++) {
        yaml *y = as_yaml(p, (const char *)options + p->offset, print, a);
        if (print == PRINT_ALL || !is_left_out(p, y, a)) put(map, p->name, y, a);
    }
    return map;
}

static yaml *int_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    return scalar(arena_text(a, "%d", *(const int *)value), false, a);
}

static yaml *real_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    return scalar(real_text(*(const double *)value, a), false, a);
}

static yaml *bool_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    return scalar(*(const bool *)value ? "true" : "false", false, a);
}

static yaml *choice_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    const char *const *words = p->of;
    const int i = *(const int *)value;
    CHECK(i >= 0 && i < param_count_words(words), "'%s' is choice %d", p->name, i);
    return scalar(words[i], true, a);
}

static yaml *text_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    const char *text = *(const char *const *)value;
    return text ? scalar(text, true, a) : scalar("", false, a);
}

static yaml *list_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    const param_list *list = value;
    yaml *y = container(YAML_LIST, list->n, a);
    const char *item = list->items;
    for (; y->n < list->n; item += param_size(p->of)) y->item[y->n++] = as_yaml(p->of, item, print, a);
    return y;
}

static yaml *map_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    const param_map *map = value;
    yaml *y = container(YAML_MAP, map->n, a);
    for (int i = 0; i < map->n; i++) put(y, arena_text(a, "%d", map->pair[i][0]), int_as_yaml(p, &map->pair[i][1], print, a), a);
    return y;
}

static yaml *section_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    return table_as_yaml(p->of, value, NULL, print, a);
}

static yaml *object_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    const param_object *o = value;
    return o->type ? table_as_yaml(object_table(o->type), o->options, o->type->name, print, a) : scalar("", false, a);
}

// What is printed must be read as the same alternative again, or two settings would have one identity: 1.0, a share,
// is not 1, a number of steps; a section with nothing changed is not another one's {}.
static yaml *one_of_as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    const param_one_of *chosen = value;
    if (!chosen->value) return scalar("", false, a);
    const param *way = (const param *)p->of + chosen->which;
    yaml *y = as_yaml(way, chosen->value, print, a);
    if (param_choose(p->of, y) == way) return y;
    return way->type == PARAM_REAL ? scalar(arena_text(a, "%s.0", y->text), false, a) : as_yaml(way, chosen->value, PRINT_ALL, a);
}

static yaml *as_yaml(const param *p, const void *value, param_print_kind print, arena *a)
{
    static yaml *(*const writers[])(const param *, const void *, param_print_kind, arena *) = {
        [PARAM_INT] = int_as_yaml,         [PARAM_REAL] = real_as_yaml,     [PARAM_BOOL] = bool_as_yaml,
        [PARAM_CHOICE] = choice_as_yaml,   [PARAM_TEXT] = text_as_yaml,     [PARAM_LIST] = list_as_yaml,
        [PARAM_MAP] = map_as_yaml,         [PARAM_SECTION] = section_as_yaml, [PARAM_OBJECT] = object_as_yaml,
        [PARAM_ONE_OF] = one_of_as_yaml,
    };
    return param_value_is_auto(p, value) ? scalar("auto", false, a) : writers[p->type](p, value, print, a);
}

const char *param_print(const param *table, const void *options, param_print_kind print, arena *a)
{
    return yaml_flow(table_as_yaml(table, options, NULL, print, a), a);
}

const char *param_value(const param *p, const void *options, arena *a)
{
    return yaml_flow(as_yaml(p, (const char *)options + p->offset, PRINT_ALL, a), a);
}

const char *param_print_object(const param_object *o, param_print_kind print, arena *a)
{
    return yaml_flow(object_as_yaml(NULL, o, print, a), a);
}

// ---- help

// What may stand there, in brackets after the help: "[1, 64]", "(layer | rms | none)", "(optimizer: adamw | sgd)".
static const char *domain_text(const param *p, arena *a)
{
    const char *text = "";
    if (p->type == PARAM_INT || p->type == PARAM_REAL || p->type == PARAM_MAP) {
        const bool no_least = p->min <= -INT_MAX, no_most = p->max >= INT_MAX;
        const char *min = real_text(p->min, a), *max = real_text(p->max, a);
        if (!no_least && !no_most) text = arena_text(a, "[%s, %s]", min, max);
        else if (!no_least) text = arena_text(a, "[≥ %s]", min);
        else if (!no_most) text = arena_text(a, "[≤ %s]", max);
    }
    const char *const *words = p->type == PARAM_CHOICE ? p->of : NULL;
    for (int i = 0; words && words[i]; i++) text = arena_text(a, "%s%s%s", i ? text : "(", i ? " | " : "", words[i]);
    const bool derived = p->initial && strcmp(p->initial, "auto") == 0;                     // from one whose family is listed
    const object_family *family = p->type == PARAM_OBJECT && !derived ? p->of : NULL;
    if (family) text = arena_text(a, "(%s", family->what);
    for (int i = 0; family && i < family->n; i++)
        text = arena_text(a, "%s%s%s", text, i ? " | " : ": ", family->entries[i]->name);
    if (words || family) text = arena_text(a, "%s)", text);
    if (p->type == PARAM_LIST) return domain_text(p->of, a);
    return *text ? arena_text(a, " %s", text) : "";
}

// An initial text as the table has it is shorter and closer to what one would write than the value printed.
static const char *initial_text(const param *p)
{
    return p->type == PARAM_SECTION ? "" : !p->initial ? "(must be given)" : *p->initial ? p->initial : "''";
}

// Columns as people see them: letters of UTF-8, not bytes.
static int columns(const char *text)
{
    int n = 0;
    for (; *text; text++) n += (*text & 0xc0) != 0x80;
    return n;
}

static void print_column(const char *text, int width, FILE *out)
{
    const int n = columns(text);
    fprintf(out, "%s%*s", text, n < width ? width - n + 2 : 2, "");
}

static int widest(const param *table, bool initial, int most)
{
    int width = 0;
    for (const param *p = table; p->name; p++) {
        const int n = columns(initial ? initial_text(p) : p->name);
        if (n > width && n <= most) width = n;
    }
    return width;
}

static void list_options(const param *table, int indent, FILE *out, arena *a)
{
    static const char *const takes[] = {
        [PARAM_INT] = "number",   [PARAM_REAL] = "number",      [PARAM_BOOL] = "true | false",      [PARAM_CHOICE] = "word",
        [PARAM_TEXT] = "text",    [PARAM_LIST] = "[…]",         [PARAM_MAP] = "{ n: n, … }",
        [PARAM_SECTION] = "{ key: …, … }",
        [PARAM_OBJECT] = "{ name: …, … }", [PARAM_ONE_OF] = "",
    };
    const int names = widest(table, false, 40), initials = widest(table, true, 24);
    for (const param *p = table; p->name; p++) {
        fprintf(out, "%*s", indent, "");
        print_column(p->name, names, out);
        print_column(initial_text(p), initials, out);
        fprintf(out, "%s%s\n", p->help ? p->help : "", domain_text(p, a));
        const param *element = p->type == PARAM_LIST ? p->of : NULL;
        if (p->type == PARAM_SECTION) list_options(p->of, indent + 2, out, a);
        if (element && element->type == PARAM_SECTION) list_options(element->of, indent + 2, out, a);
        for (const param *way = p->type == PARAM_ONE_OF ? p->of : NULL; way && way->name; way++) {
            fprintf(out, "%*s", indent + names + 2, "");
            print_column(takes[way->type], initials, out);
            fprintf(out, "%s%s\n", way->help ? way->help : "", domain_text(way, a));
            if (way->type == PARAM_SECTION) list_options(way->of, indent + names + 4, out, a);
        }
    }
}

void param_list_options(const param *table, int indent, FILE *out)
{
    arena *a = arena_new();
    list_options(table, indent, out, a);
    arena_free(a);
}
