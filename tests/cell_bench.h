// A cell with its data, network and workshop, as a cell's process has them, and whole trainings of it in a store of the
// test's own.
#pragma once
#include "harness/train.h"

typedef struct bench { cell *cell; setup setup; workshop shop; } bench;

bench open_bench_of(const char *text, int threads);             // seed 3, with fresh weights
void  close_bench(bench *);

int make_folder(void **state), remove_folder(void **state);     // of the stores below: a test program's setup and teardown
train_end train_in(const char *place, bench *, train_watcher, void *data);
json_t   *log_in(const char *place, const bench *);             // without what differs between equal runs
