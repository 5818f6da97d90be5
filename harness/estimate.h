// How long a sweep will take: a few steps of every model are really trained, at its longest length, and scaled.
#pragma once
#include "harness/sweep.h"

int estimate_print(const sweep *, const bool *chosen, const char *store, arena *);       // on standard output; an exit status
