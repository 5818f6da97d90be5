// The machine behind mqar and its relatives: a context of keys with their values, then an area of slots in which every
// key is asked for once. Slots are as long as an item of the context: a query (the key's tokens) and one free token.
#pragma once
#include "tasks/draw.h"
#include "tasks/task.h"

enum { FILL_RANDOM, FILL_BLANK, FILL_DISTINCT };
enum { LOSS_ANSWERS, LOSS_ALL };
extern const char *const recall_fill_words[], *const recall_loss_words[];

// The options that all of them have, first in their structs and tables.
#define RECALL_OPTIONS TASK_OPTIONS; int vocabulary, pairs; double pairs_per_length, power; int fill, passes, offset, loss
#define RECALL_PARAMS(T) \
    INT   (T, vocabulary,       "8192",    4, 1 << 24, "ids: 0 is the blank, then keys, then values"), \
    INT   (T, pairs,            "auto",    1, DRAW_MOST, "keys in the context, each asked once; auto: by pairs_per_length"), \
    REAL  (T, pairs_per_length, "auto",    1e-6, 0.25, "pairs a token, rounded down; auto: 1/16"), \
    REAL  (T, power,            "0.01",    1e-6, 16, "a: slot s has weight s^(a-1); 1 is uniform, small values ask early"), \
    CHOICE(T, fill,             "random",  recall_fill_words, "what stands where nothing is asked"), \
    INT   (T, passes,           "1",       1, 64, "times that the context is written"), \
    INT   (T, offset,           "0",       0, DRAW_SLOTS, "slots behind the context that stay free"), \
    CHOICE(T, loss,             "answers", recall_loss_words, "what has a target: the queries, or the next token elsewhere too")
typedef struct recall_options { RECALL_OPTIONS; } recall_options;

typedef struct range { int from, count; } range;

typedef struct recall {
    recall_options o;
    int    parts;                   // tokens of a key: 1, or 2 (every first part with every second: pairs is a square)
    double changed;                 // share of the keys that come again with another value, rounded up
    range  key[2], value;           // ids
    const double *sums;             // of the slots' weights
} recall;

bool      recall_check  (const void *options, mark at, diag *);
recall   *recall_open   (const void *options, int parts, double changed, arena *);
task_size recall_size   (const void *self);
bool      recall_fits   (const void *self, int length, char *why, size_t room);
int       recall_tokens (const void *self, int length);
double    recall_space  (const void *self, int length);
void      recall_example(const void *self, int length, rng *, int *input, int *target);
bool      recall_prefixes(const void *self);

// Floors.
void recall_some_value(const void *self, const int *input, int tokens, int *output);      // the first value of the context
void recall_in_order  (const void *self, const int *input, int tokens, int *output);      // the r-th query gets the r-th value
void recall_first_seen(const void *self, const int *input, int tokens, int *output);      // the value that the key had first
void recall_first_part(const void *self, const int *input, int tokens, int *output);      // the latest value of such a first part
