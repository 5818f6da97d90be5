#include "harness/arguments.h"

#include <string.h>

const yaml *arguments_object(const char *const *words, int n, arena *a, diag *d)
{
    yaml *name = arena_zero(a, sizeof *name);
    name->kind = YAML_SCALAR;
    name->at = (mark){ "command line", 0, 0 };
    name->text = words[0];
    name->quoted = true;
    const yaml *tree = yaml_with(NULL, "name", name->at, name, a);
    for (int i = 1; i < n; i++) {
        const char *equals = strchr(words[i], '=');
        if (!equals || equals == words[i]) {
            diag_error(d, (mark){0}, "'%s': write key=value", words[i]);
            return NULL;
        }
        const char *key = arena_text(a, "%.*s", (int)(equals - words[i]), words[i]);
        const yaml *value = yaml_parse(equals + 1, "command line", a, d);
        const yaml *with = value ? yaml_with(tree, key, value->at, value, a) : NULL;
        if (value && !with) diag_error(d, (mark){0}, "'%s' names a list entry that is not there", key);
        if (!with) return NULL;
        tree = with;
    }
    return tree;
}
