// result.json: what a run measured, as a function of its configuration and its log, and what it cost.
#pragma once
#include "harness/train.h"

// `log` is the run's log as an array. cell, measured, cost, environment; the store adds `status`.
json_t *result_json(const cell_options *, int seed, const setup *, const json_t *log, const train_outcome *, int threads);

json_t *environment_json(int threads);          // commit, compiler, flags, processor and level, matrix library, threads
