// The machine behind copying and selective-copying: items among blanks, then as many marks, at which the items are asked.
#pragma once
#include "tasks/task.h"

typedef struct copy_options { TASK_OPTIONS; int vocabulary, items; } copy_options;
#define COPY_PARAMS(V, M) \
    INT(copy_options, vocabulary, V, 4, 1 << 24, "ids: 0 is the blank, the last the mark, items between"), \
    INT(copy_options, items,      M, 1, 1 << 20, "items to remember")

typedef struct copy_task { int vocabulary, items; bool scattered; } copy_task;

void       *copy_open   (const void *options, bool scattered, arena *);
task_size   copy_size   (const void *self);
bool        copy_fits   (const void *self, int length, char *why, size_t room);
int         copy_tokens (const void *self, int length);
double      copy_space  (const void *self, int length);
void        copy_example(const void *self, int length, rng *, int *input, int *target);
bool        copy_prefixes(const void *self);
const char *copy_symbol (const void *self, int id, arena *);
extern const task_floor copy_floors[];
