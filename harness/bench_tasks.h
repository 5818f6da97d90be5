// How fast tasks make examples, so that a training never waits for its data.
#pragma once
#include "base/param.h"

// TASK key=value …, or every task at a representative size. seconds: of measured work for each. The exit status.
int bench_tasks(const char *const *words, int n, double seconds, arena *, diag *);
