// A grid point as its parts: "task.name=parity train.optimizer.lr=0.003" sets two paths.
#pragma once
#include "base/arena.h"

typedef struct setting { const char *path, *value; } setting;          // a text without "=" is a value without a path
typedef struct grid_point { int n; setting *at; } grid_point;

grid_point  point_read(const char *text, arena *);
const char *point_value(const grid_point *, const char *path);          // NULL: it does not set this path
// For people: "parity" of task.name, "power 1", "length 256" of train.lengths.
const char *setting_words(const setting *, arena *);
