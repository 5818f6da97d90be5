#include <string.h>
#include "plots/setting.h"

// A setting ends at the next space that stands in no bracket and no quotes.
static size_t setting_end(const char *text)
{
    int depth = 0;
    char quote = 0;
    size_t i = 0;
    for (; text[i] && (text[i] != ' ' || depth > 0 || quote); i++) {
        const char c = text[i];
        if (quote || c == '\'' || c == '"')
            quote = !quote ? c : c == quote ? 0 : quote;
        else
            depth += (strchr("[{", c) != NULL) - (strchr("]}", c) != NULL);
    }
    return i;
}

static setting setting_of(const char *text, size_t n, arena *a)
{
    const char *equals = memchr(text, '=', n);
    const size_t path = equals ? (size_t)(equals - text) : 0, value = path + (equals != NULL);
    return (setting){ arena_text(a, "%.*s", (int)path, text), arena_text(a, "%.*s", (int)(n - value), text + value) };
}

grid_point point_read(const char *text, arena *a)
{
    grid_point p = { 0, arena_take(a, (strlen(text) + 1) * sizeof *p.at) };
    if (*text && !strchr(text, '='))
        p.at[p.n++] = setting_of(text, strlen(text), a);
    else
        for (size_t n; *text; text += n + (text[n] == ' ')) {
            n = setting_end(text);
            p.at[p.n++] = setting_of(text, n, a);
        }
    return p;
}

const char *point_value(const grid_point *p, const char *path)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->at[i].path, path) == 0)
            return p->at[i].value;
    return NULL;
}

// { name: parity, length: 40 } → parity, length 40
static const char *without_braces(const char *map, arena *a)
{
    char *text = arena_copy(a, map), *to = text;
    for (const char *from = map; *from; from++)
        if (strncmp(from, "name: ", 6) == 0)
            from += 5;
        else if (!strchr("{}:", *from))
            *to++ = *from;
    while (to > text && to[-1] == ' ')
        to--;
    *to = 0;
    return text + strspn(text, " ");
}

const char *setting_words(const setting *s, arena *a)
{
    const char *dot = strrchr(s->path, '.'), *last = dot ? dot + 1 : s->path;
    if (*s->value == '{')
        return without_braces(s->value, a);
    if (!*last || strcmp(last, "name") == 0)
        return s->value;
    return arena_text(a, "%s %s", strcmp(last, "lengths") == 0 && *s->value != '[' ? "length" : last, s->value);
}
