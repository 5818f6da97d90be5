#include "base/yaml.h"
#include "base/check.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <yaml.h>

enum { LARGEST = 1 << 20, DEEPEST = 64, LONGEST_KEY = 200 };       // bytes; levels; bytes (libyaml reads keys up to 1024)

// ---- reading

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t  event;            // the one looked at
    const char   *name, *text;
    arena        *memory;
    diag         *faults;
    int           depth;
    bool          stopped;          // nothing sensible can follow
} reader;

static mark mark_of(const reader *r, yaml_mark_t m) { return (mark){ r->name, (int)m.line + 1, (int)m.column + 1 }; }
static mark event_mark(const reader *r) { return mark_of(r, r->event.start_mark); }

// libyaml says what it found; a user wants to know what to write.
static const struct { const char *problem, *advice; } advices[] = {
    { "found character that cannot start any token",
      "indent with spaces, not tabs, and quote a text that begins with @, ` or %" },
    { "found a tab character that violates indentation",       "indent with spaces, not tabs" },
    { "mapping values are not allowed in this context",
      "write one 'key: value' a line, and quote a text that holds ': '" },
    { "could not find expected ':'",                           "write 'key: value', with a space after the colon" },
    { "did not find expected key",
      "give this line the indentation of its neighbours, and close every bracket and quote" },
    { "did not find expected '-' indicator",                   "give this line the indentation of its neighbours" },
    { "block sequence entries are not allowed in this context", "begin a list on a line of its own, or write it as [a, b]" },
    { "did not find expected ',' or '}'",                      "separate entries with commas and close the map with }" },
    { "did not find expected ',' or ']'",                      "separate entries with commas and close the list with ]" },
    { "found unexpected end of stream",                        "close the quote that was opened" },
    { "did not find expected <document start>",                "one file is one map: check the indentation of its first lines" },
    { "did not find expected alphabetic or numeric character", "quote a text that begins with & or *" },
    { "found a tab character where an indentation space is expected", "indent with spaces, not tabs" },
    { "did not find expected node content",                    "put a value here, in quotes if it begins with a sign" },
    { "found unexpected ':'",                                  "put a space after the colon, or quote the text" },
    { "found undefined tag handle",                            "tags ('!…') are not read; leave it out" },
    { "found unknown escape character",                        "write \\\\ for a backslash, or use single quotes" },
    { "control characters are not allowed",                    "remove them; the file must be plain UTF-8 text" },
};

static mark mark_of_byte(const reader *r, size_t offset)
{
    mark at = { r->name, 1, 1 };
    for (size_t i = 0; i < offset && r->text[i]; i++) {
        at.column = r->text[i] == '\n' ? 1 : at.column + ((r->text[i] & 0xc0) != 0x80);
        at.line += r->text[i] == '\n';
    }
    return at;
}

static void report_syntax(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    r->stopped = true;
    if (p->error == YAML_READER_ERROR) {
        const bool control = !strcmp(p->problem, "control characters are not allowed");
        diag_error(r->faults, mark_of_byte(r, p->problem_offset), "%s", control ? "a control character; remove it"
                                                                                : "not UTF-8; save the file as UTF-8 text");
        return;
    }
    const char *problem = p->problem ? p->problem : "cannot be read", *advice = NULL;
    for (size_t i = 0; i < LEN(advices) && !advice; i++)
        if (!strcmp(problem, advices[i].problem)) advice = advices[i].advice;
    const size_t line = p->context_mark.line + 1;
    const char *since = !p->context ? "" : arena_text(r->memory, " (%s that begins in line %zu)", p->context, line);
    diag_error(r->faults, mark_of(r, p->problem_mark), "not YAML: %s%s%s%s", problem, since, advice ? "; " : "",
               advice ? advice : "");
}

static bool advance(reader *r)
{
    yaml_event_delete(&r->event);
    if (!r->stopped && !yaml_parser_parse(&r->parser, &r->event)) report_syntax(r);
    return !r->stopped;
}

static void append(arena *a, yaml *node, yaml *key, yaml *item)
{
    if ((node->n & (node->n - 1)) == 0) {                   // full at each power of two
        const size_t n = (size_t)node->n, room = n ? 2 * n : 1;
        yaml **items = arena_take(a, room * sizeof *items), **keys = key ? arena_take(a, room * sizeof *keys) : NULL;
        if (n) memcpy(items, node->item, n * sizeof *items);
        if (n && keys) memcpy(keys, node->key, n * sizeof *keys);
        node->item = items;
        node->key = keys;
    }
    if (key) node->key[node->n] = key;
    node->item[node->n++] = item;
}

static yaml *new_node(arena *a, yaml_kind kind, mark at)
{
    yaml *node = arena_zero(a, sizeof *node);
    node->kind = kind;
    node->at = at;
    return node;
}

static yaml *new_scalar(arena *a, const char *text, bool quoted, mark at)
{
    yaml *node = new_node(a, YAML_SCALAR, at);
    node->text = text;
    node->quoted = quoted;
    return node;
}

static void refuse_decorations(reader *r, const unsigned char *anchor, const unsigned char *tag)
{
    const mark at = event_mark(r);
    if (anchor) diag_error(r->faults, at, "anchors ('&%s') are not read; write the value out where it is needed", anchor);
    if (tag) diag_error(r->faults, at, "tags ('%s') are not read; leave it out", tag);
}

static yaml *read_node(reader *r);

static void read_list(reader *r, yaml *list)
{
    while (advance(r) && r->event.type != YAML_SEQUENCE_END_EVENT) append(r->memory, list, NULL, read_node(r));
}

static yaml *read_key(reader *r)
{
    const mark at = event_mark(r);
    yaml *key = read_node(r);
    if (r->stopped) return key;
    if (key->kind != YAML_SCALAR) {
        diag_error(r->faults, at, "a key is a word or a number, not a %s", key->kind == YAML_LIST ? "list" : "map");
        return new_scalar(r->memory, arena_text(r->memory, "key in %d:%d", at.line, at.column), true, at);
    }
    if (!strcmp(key->text, "<<") && !key->quoted)
        diag_error(r->faults, at, "merge keys ('<<') are not read; write the entries out");
    else if (!*key->text)
        diag_error(r->faults, at, "a key is missing before ':'");
    else if (strlen(key->text) > LONGEST_KEY)
        diag_error(r->faults, at, "a key of more than %d letters", LONGEST_KEY);
    return key;
}

static int compare_keys(const void *a, const void *b)
{
    const yaml *x = *(yaml *const *)a, *y = *(yaml *const *)b;
    const int text = strcmp(x->text, y->text), line = x->at.line - y->at.line;
    return text ? text : line ? line : x->at.column - y->at.column;
}

static void report_repeated_keys(reader *r, const yaml *map)
{
    if (map->n < 2) return;
    yaml **sorted = arena_take(r->memory, (size_t)map->n * sizeof *sorted);
    memcpy(sorted, map->key, (size_t)map->n * sizeof *sorted);
    qsort(sorted, (size_t)map->n, sizeof *sorted, compare_keys);
    for (int i = 1, first = 0; i < map->n; i++) {
        if (strcmp(sorted[i]->text, sorted[first]->text)) first = i;
        else if (*sorted[i]->text)
            diag_error(r->faults, sorted[i]->at, "'%s' is given a second time, first in %d:%d; keep one of them", sorted[i]->text,
                       sorted[first]->at.line, sorted[first]->at.column);
    }
}

static void read_map(reader *r, yaml *map)
{
    while (advance(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        yaml *key = read_key(r);
        if (!advance(r)) return;
        append(r->memory, map, key, read_node(r));
    }
    report_repeated_keys(r, map);
}

static yaml *read_scalar(reader *r)
{
    const char *text = (const char *)r->event.data.scalar.value;
    const bool quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (strlen(text) != r->event.data.scalar.length)
        diag_error(r->faults, event_mark(r), "a text with a zero byte; remove the '\\0'");
    return new_scalar(r->memory, arena_copy(r->memory, text), quoted, event_mark(r));
}

// From the event that begins a node to the one that ends it.
static yaml *read_node(reader *r)
{
    const bool list = r->event.type == YAML_SEQUENCE_START_EVENT, map = r->event.type == YAML_MAPPING_START_EVENT;
    if (r->event.type == YAML_ALIAS_EVENT)
        diag_error(r->faults, event_mark(r), "aliases ('*%s') are not read; write the value out", r->event.data.alias.anchor);
    else if (list) refuse_decorations(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);
    else if (map) refuse_decorations(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);
    else refuse_decorations(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);

    if (r->event.type == YAML_SCALAR_EVENT) return read_scalar(r);
    yaml *node = new_node(r->memory, list ? YAML_LIST : map ? YAML_MAP : YAML_SCALAR, event_mark(r));
    if (!list && !map) node->text = "alias";
    else if (r->depth == DEEPEST) {
        diag_error(r->faults, node->at, "more than %d levels of lists and maps; write it flatter", DEEPEST);
        r->stopped = true;
    } else {
        r->depth++;
        (list ? read_list : read_map)(r, node);
        r->depth--;
    }
    return node;
}

static yaml *read_document(reader *r)
{
    if (!advance(r) || !advance(r)) return NULL;                        // the stream's start, the document's
    const bool none = r->event.type == YAML_STREAM_END_EVENT;
    if (!none && !advance(r)) return NULL;
    if (none || (r->event.type == YAML_SCALAR_EVENT && !r->event.data.scalar.length && r->event.data.scalar.plain_implicit)) {
        diag_error(r->faults, (mark){ r->name, 0, 0 }, "nothing to read; write at least one 'key: value'");
        return NULL;
    }
    yaml *root = read_node(r);
    if (!advance(r) || !advance(r)) return NULL;                        // the document's end, the stream's
    if (r->event.type != YAML_STREAM_END_EVENT)
        diag_error(r->faults, event_mark(r), "a second document begins here; write one file for each");
    return root;
}

const yaml *yaml_parse(const char *text, const char *name, arena *a, diag *d)
{
    reader r = { .name = name ? arena_copy(a, name) : NULL, .text = text, .memory = a, .faults = d };
    const size_t length = strlen(text);
    if (length > LARGEST) {
        diag_error(d, (mark){ r.name, 0, 0 }, "%zu bytes are too many; at most %d are read", length, LARGEST);
        return NULL;
    }
    const int before = diag_errors(d);
    CHECK(yaml_parser_initialize(&r.parser), "no memory left to read %s", name ? name : "YAML");
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    const yaml *root = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return diag_errors(d) > before ? NULL : root;
}

const yaml *yaml_file(const char *path, arena *a, diag *d)
{
    error e = { "" };
    struct stat now;
    const mark whole = { path, 0, 0 };
    if (!stat(path, &now) && now.st_size > LARGEST && S_ISREG(now.st_mode)) {
        diag_error(d, whole, "%lld bytes are too many; at most %d are read", (long long)now.st_size, LARGEST);
        return NULL;
    }
    size_t bytes;
    const char *text = file_read(path, &bytes, a, &e);
    if (!text) diag_error(d, whole, "%s", e.text);
    else if (strlen(text) < bytes) diag_error(d, whole, "not a text; it holds zero bytes");
    else return yaml_parse(text, path, a, d);
    return NULL;
}

bool yaml_is_null(const yaml *node)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    bool null = false;
    for (size_t i = 0; i < LEN(words) && node->kind == YAML_SCALAR && !node->quoted; i++) null |= !strcmp(node->text, words[i]);
    return null;
}

// ---- finding and changing

static int find_key(const yaml *map, const char *key, size_t length)
{
    for (int i = 0; i < map->n; i++)
        if (strlen(map->key[i]->text) == length && !memcmp(map->key[i]->text, key, length)) return i;
    return -1;
}

// The entry that the first word of a path names: a key of a map, a number for a list; -1: there is none.
static int find_entry(const yaml *tree, const char *word, size_t length)
{
    if (tree->kind == YAML_MAP) return find_key(tree, word, length);
    if (tree->kind != YAML_LIST || !length || length > 6 || strspn(word, "0123456789") < length) return -1;
    const int i = atoi(word);
    return i < tree->n ? i : -1;
}

static const char *after_word(const char *path, size_t length) { return path[length] ? path + length + 1 : path + length; }

const yaml *yaml_get(const yaml *map, const char *key)
{
    const int i = map && map->kind == YAML_MAP ? find_key(map, key, strlen(key)) : -1;
    return i < 0 ? NULL : map->item[i];
}

const yaml *yaml_at(const yaml *tree, const char *path)
{
    while (tree && *path) {
        const size_t length = strcspn(path, ".");
        const int i = find_entry(tree, path, length);
        tree = i < 0 ? NULL : tree->item[i];
        path = after_word(path, length);
    }
    return tree;
}

static yaml *copy_node(const yaml *node, arena *a)
{
    yaml *copy = new_node(a, node->kind, node->at);
    for (int i = 0; i < node->n; i++) append(a, copy, node->key ? node->key[i] : NULL, node->item[i]);
    return copy;
}

const yaml *yaml_with(const yaml *tree, const char *path, mark at, const yaml *value, arena *a)
{
    if (!*path) return value;
    const size_t length = strcspn(path, ".");
    const char *rest = after_word(path, length);
    const bool container = tree && tree->kind != YAML_SCALAR;
    yaml *copy = container ? copy_node(tree, a) : new_node(a, YAML_MAP, at);            // a scalar on the way gives way
    const int i = find_entry(copy, path, length);
    if (i < 0 && copy->kind == YAML_LIST) return NULL;
    const yaml *item = yaml_with(i < 0 ? NULL : copy->item[i], rest, at, value, a);
    if (!item) return NULL;
    if (i >= 0) copy->item[i] = (yaml *)item;
    else append(a, copy, new_scalar(a, arena_text(a, "%.*s", (int)length, path), false, at), (yaml *)item);
    return copy;
}

const yaml *yaml_without(const yaml *map, const char *key, arena *a)
{
    yaml *copy = new_node(a, map->kind, map->at);
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->key[i]->text, key)) append(a, copy, map->key[i], map->item[i]);
    return copy;
}

// ---- writing

// Words that stand for something else than themselves unless quoted.
static bool has_other_meaning(const char *text)
{
    static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off" };
    for (size_t i = 0; i < LEN(words); i++)
        if (!strcasecmp(text, words[i])) return true;
    return strchr("0123456789+-.", *text) != NULL;          // may be a number, or ""
}

#define WORD_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+"

// Fewer texts than YAML would read without quotes, none that it would not.
static bool is_plain(const char *text)
{
    return *text && strchr(WORD_LETTERS "-", *text) && text[strspn(text, WORD_LETTERS "-*^()=<>%@~")] == 0;
}

// The code point at *text, which moves on; a byte that is not UTF-8 counts as itself.
static unsigned next_code(const unsigned char **text)
{
    const unsigned char *c = *text;
    const int more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc0 ? 1 : 0;
    unsigned code = more ? *c & (0x3fu >> more) : *c;
    for (int i = 1; i <= more; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            *text = c + 1;
            return *c;
        }
        code = code << 6 | (c[i] & 0x3fu);
    }
    *text = c + 1 + more;
    return code;
}

static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const unsigned char *from = c;
        const unsigned code = next_code(&c);
        const bool end_of_line = code == 0x2028 || code == 0x2029, ascii = code >= 0x20 && code < 0x7f;
        const bool printable = ascii || (c - from > 1 && code >= 0xa0 && !end_of_line && code != 0xfeff);
        if (code == '"' || code == '\\') fprintf(out, "\\%c", (int)code);
        else if (printable) fwrite(from, 1, (size_t)(c - from), out);
        else fprintf(out, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
    }
    fputc('"', out);
}

static void print_flow(FILE *out, const yaml *node)
{
    if (node->kind == YAML_SCALAR) {
        if (yaml_is_null(node)) fputs("null", out);
        else if (is_plain(node->text) && !(node->quoted && has_other_meaning(node->text))) fputs(node->text, out);
        else print_quoted(out, node->text);
        return;
    }
    const bool map = node->kind == YAML_MAP;
    fputs(map ? node->n ? "{ " : "{" : "[", out);
    for (int i = 0; i < node->n; i++) {
        if (i) fputs(", ", out);
        if (map) print_flow(out, node->key[i]);
        if (map) fputs(": ", out);
        print_flow(out, node->item[i]);
    }
    fputs(map ? node->n ? " }" : "}" : "]", out);
}

const char *yaml_flow(const yaml *tree, arena *a)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (out) print_flow(out, tree);
    CHECK(out && !fclose(out), "no memory left for a text");
    const char *kept = arena_copy(a, text);
    free(text);
    return kept;
}
