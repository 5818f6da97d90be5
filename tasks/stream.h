// The machine behind the tasks that read a stream of pairs: every key has one value in a sequence, keys come again as they
// are drawn, and the last one is a key seen before. Keys and values are motifs of one token or more.
#pragma once
#include "tasks/task.h"

enum { ASKED_REPEATS, ASKED_LAST };
enum { STREAM_MOTIF = 4, STREAM_VOCABULARY = 8192 };     // tokens of the longest motif; ids of keys and values, the most
extern const char *const stream_asked_words[];

typedef struct stream_task {
    int    vocabulary;              // keys 0 … V/2 − 1, values V/2 … V − 1, then noise, then the padding
    int    asked;
    int    key_motif, value_motif;  // longest motifs, in tokens
    int    noise_vocabulary;
    double noise;                   // probability that two tokens of noise stand where a pair would
} stream_task;

task_size   stream_size    (const void *self);
bool        stream_fits    (const void *self, int length, char *why, size_t room);
int         stream_tokens  (const void *self, int length);
double      stream_space   (const void *self, int length);
void        stream_example (const void *self, int length, rng *, int *input, int *target);
bool        stream_prefixes(const void *self);
const char *stream_symbol  (const void *self, int id, arena *);

// Floors.
void stream_latest_value  (const void *self, const int *input, int tokens, int *output);   // the value token read last
void stream_frequent_value(const void *self, const int *input, int tokens, int *output);   // the one read most often
void stream_after_token   (const void *self, const int *input, int tokens, int *output);   // what followed this token last time
