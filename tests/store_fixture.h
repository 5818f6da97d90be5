// A folder of a test's own, and a training in miniature for the store: six steps whose loss depends on the state alone, a
// log line each, a checkpoint after every second, then a result made from the log, and one evaluation.
#pragma once
#include "results/store.h"

enum { STEPS = 6 };
extern const char ID[], CONFIG[], HASH[];               // of the cell, and of the evaluation
extern arena *memory;                                   // of one test
extern char top[256];                                   // its folder

int set_up(void **state);
int tear_down(void **state);
const char *in_top(const char *name);
const char *in_cell(const char *folder, const char *file);

typedef struct progress { int logged; bool finished, evaluated; } progress;     // what the store promised to keep
bool whole_run(const char *folder, progress *, error *);                        // starts it, or goes on with it

void        remove_folder(const char *path);
const char *text_of(const char *path);                  // NULL: no such file
void        write_text(const char *path, const char *text, size_t bytes);
int         entries_of(const char *folder, bool hidden);

// A row as `see` saw it, copied.
typedef struct seen { bool called; json_t *result, *evaluation; json_int_t last_step; bool busy; } seen;
bool look(const row *, void *seen_);
seen read_row(const char *folder, const char *id, error *);
void forget(seen *);
