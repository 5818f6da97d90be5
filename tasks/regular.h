// The machine behind the regular tasks: a finite automaton that reads symbols drawn among those its state allows. What it
// says of its state is the target at a symbol.
#pragma once
#include "tasks/task.h"

enum { REGULAR_ALL, REGULAR_LAST, REGULAR_MARK };       // scored: every symbol, the last one, a mark behind the last
enum { REGULAR_STATES = 1 << 14, REGULAR_SYMBOLS = 1 << 10 };
extern const char *const regular_scored_words[], *const regular_start_words[];

// The options that all of them have, first in their structs and tables.
#define REGULAR_OPTIONS TRANSITION_OPTIONS; int start, scored
#define REGULAR_PARAMS(T, scored_) \
    CHOICE(T, start,  "none",  regular_start_words,  "start mark in front, unsupervised"), \
    CHOICE(T, scored, scored_, regular_scored_words, "what is asked: every symbol, the last, or a mark put behind it")
typedef struct regular_options { REGULAR_OPTIONS; } regular_options;

typedef struct regular {
    // given
    int symbols, states, outputs, first;    // first: the state before anything is read
    int *next;                              // [states, symbols]; −1: not allowed there
    double *weight;                         // [states, symbols] share of a symbol in its state; NULL: all allowed ones alike
    int *output;                            // [states], or TASK_IGNORE
    const char *const *names;               // [symbols], for people
    regular_options o;
    int least, step;                        // lengths are least, least + step, …
    int forced, forced_back;                // this symbol stands so many places before the end (1: the last); 0: none is
    // made by regular_close
    int *allowed, *n_allowed;               // [states, symbols] the allowed symbols in front; [states]
    double *paths;                          // log2 of the number of texts of 0 … PATHS symbols
    const bool *held;                       // [states, symbols] kept from training; NULL: none is
    struct regular *trained;                // the automaton without them; NULL where none is
    int window[4], *guess[4];               // likeliest output after the last window[w] symbols: [symbols^window[w]]
} regular;

// Takes room for `next`, `weight` where asked, and `output`: next all −1, weight all 0, output all IGNORE.
regular *regular_open (int states, int symbols, int outputs, const void *options, bool weighted, arena *);
void     regular_link (regular *, int state, int symbol, int next);
// Everything is given: lists, counts, floors, and what is held out. False after a report.
bool     regular_close(regular *, arena *, mark at, diag *);

task_size   regular_size    (const void *self);
bool        regular_fits    (const void *self, int length, char *why, size_t room);
int         regular_tokens  (const void *self, int length);
double      regular_space   (const void *self, int length);
void        regular_example (const void *self, int length, rng *, int *input, int *target);
bool        regular_prefixes(const void *self);
const char *regular_symbol  (const void *self, int id, arena *);
const void *regular_trained (const void *self);
int         regular_held_out(const void *self, const int *input, int tokens, bool *taken);
int         regular_mark_id (const regular *);      // of the mark behind the last symbol
extern const task_floor regular_floors[];
