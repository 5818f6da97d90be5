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

bool arguments_dataset(const char *const *words, int n, dataset *data, param_object *description, int *length, int seed, arena *a,
                       diag *d)
{
    static const param table[] = { { "length", PARAM_INT, 0, "1", 1, 1 << 20, 0, "symbols of an example", 0 }, {0} };
    const object *type = object_find(task_family(), words[0]);
    if (type) *length = ((const task *)type)->example_length;
    const yaml *tree = arguments_object(words, n, a, d), *own = yaml_get(tree, "length");
    if (!tree || (own && !param_set(table, length, "length", yaml_flow(own, a), (mark){0}, a, d))) return false;
    if (!param_read_object(task_family(), description, own ? yaml_without(tree, "length", a) : tree, a, d) ||
        !dataset_open(data, description, (uint64_t)seed, a, d)) return false;
    char why[256];
    const bool fits = dataset_fits(data, *length, why, sizeof why);
    if (!fits) diag_error(d, (mark){0}, "length %d: %s", *length, why);
    return fits;
}
