// spec.yaml of an export: which examples of which task its tokens.npy and targets.npy hold. Its hash covers every line, `data`
// every id in the two files, so that nobody is scored on anything else.
#pragma once
#include "tasks/task.h"

enum { SPEC_IGNORE = -100 };                            // in targets.npy, where nothing is asked: PyTorch's ignore_index

typedef struct spec_vocabulary { int input, output; } spec_vocabulary;
typedef struct spec {
    param_object    task;
    int             version, length, split, seed, first, count, tokens;        // version: of the task; tokens: of an example, T
    spec_vocabulary vocabulary;
    int             ignore;
    const char     *data, *hash;                        // 16 hexadecimal digits each
} spec;

extern const char *const spec_split_words[];            // "train", "validation", "test", NULL

// From task, length, split, seed, first and count all the others. Makes every example once.
void        spec_complete(spec *, const dataset *, arena *);
const char *spec_text(const spec *, arena *);           // the file
// The file read, its hash compared, its task opened. False after reports.
bool        spec_read(spec *, dataset *, const char *path, arena *, diag *);

// Example i of the export, 0 … count − 1, with targets as the task gives them, and the hash that `data` ends in.
void        spec_example(const spec *, const dataset *, int64_t i, int *input, int *target);
uint64_t    spec_hash_example(uint64_t hash, const int *input, const int *target, int tokens);
const char *spec_hash_text(uint64_t hash, arena *);
