// A YAML file as a tree whose every node knows its place. The language is a subset: no anchors, tags, merge keys or
// several documents; a key stands once in its map. Editing makes copies that share the rest, so that grid points and
// overrides are trees of their own while every message still names the line that the user wrote.
#pragma once
#include "base/arena.h"
#include "base/diag.h"

typedef enum { YAML_SCALAR, YAML_LIST, YAML_MAP } yaml_kind;

typedef struct yaml {
    yaml_kind     kind;
    mark          at;
    const char   *text;                 // a scalar's text
    bool          quoted;               // written in quotes: a text, even where it looks like a number
    int           n;                    // entries of a list or map
    struct yaml **item;
    struct yaml **key;                  // of a map: scalars, each with its own place
} yaml;

// NULL after a report to the diag. `name` stands for the file in messages ("command line").
const yaml *yaml_file(const char *path, arena *, diag *);
const yaml *yaml_parse(const char *text, const char *name, arena *, diag *);

bool        yaml_is_null(const yaml *);                                              // `key:` with nothing behind it, ~ or null
const yaml *yaml_get(const yaml *map, const char *key);                              // NULL where absent or not a map
const yaml *yaml_at(const yaml *tree, const char *path);                             // "train.optimizer.lr", "models.0.name"
// A copy with the value put at the path. Maps on the way are made, a scalar gives way to one; NULL: a list has no such entry.
const yaml *yaml_with(const yaml *tree, const char *path, mark at, const yaml *value, arena *);
const yaml *yaml_without(const yaml *map, const char *key, arena *);
const char *yaml_flow(const yaml *, arena *);                                        // in one line: "{ name: gla, heads: 2 }"
