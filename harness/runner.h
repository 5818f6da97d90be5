// Runs the cells of a sweep that are not done, each in a process of its own, some at a time; shows how it goes.
#pragma once
#include "harness/sweep.h"
#include "results/store.h"

typedef struct run_options {
    const char *store;
    int         jobs, threads;                  // 0: as the cores allow
    double      checkpoint_every;               // seconds
    bool        retry_failed;
} run_options;

typedef struct run_counts { int done, diverged, failed, busy, skipped; bool interrupted, store_broken; } run_counts;

// `chosen` [sweep->n]: which cells take part. Messages and progress on standard error.
run_counts run_cells(const sweep *, const bool *chosen, const run_options *, error *);

int cores_available(void);
