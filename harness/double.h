// The second executable, scanbench-double, in which `real` is double: it lies beside this one. Gradients are checked there.
#pragma once
#include <sys/types.h>
#include "base/diag.h"
#include "base/arena.h"

// words end with NULL and begin with the command. Returns only where it could not be executed, false with the reason.
bool double_become(const char *const *words, error *);

// The same in a process of its own, whose standard output is read later, whole, as one text.
typedef struct double_process { pid_t pid; int out; } double_process;
bool  double_start(double_process *, const char *const *words, error *);
char *double_finish(double_process *, int *status, arena *);          // status: of its exit, −1 where it was killed
