// Properties that every architecture keeps, whatever its options: each is measured at a length and has a bound. `scanbench
// check` and the tests walk the same list.
#pragma once
#include "harness/fixture.h"

typedef struct measurement {
    double bound, worst;                // worst ≤ bound: it holds (NaN: it does not)
    int    length;                      // the shortest that broke; 0: none did
    char   where[200], note[80];        // what was seen there; what else is worth saying
} measurement;
void observe(measurement *, int length, double value, const char *where, ...) __attribute__((format(printf, 4, 5)));

typedef struct check_property {
    const char *name, *summary;
    double bound[2];                    // in the float program, in the double one; NAN: not measured there
    int    length;                      // tokens
    bool   every;                       // one measurement tells: it goes through the lengths itself, or shorter is not simpler
    bool   asks_more;                   // than correctness: options may be chosen so that it cannot be kept
    bool (*applies)(const fixture *);   // NULL: to all
    void (*measure)(fixture *, int length, measurement *);
} check_property;
extern const check_property *const check_properties[];       // ends with NULL
const check_property *check_find(const char *name);
double check_bound(const check_property *);                  // in this build; NAN: not measured

enum { CHECK_SYMBOLS = 7 };                                  // both vocabularies

// Of the entry of a model that is valid. A failure is followed down to the shortest length that fails. False: it does not apply.
bool check_measure(const check_property *, const char *entry, measurement *);

// Entries: what is given (a map with at least the name) and, at a tiny size, what else must be; at random from the option
// table, perhaps invalid.
const yaml *check_defaults(const object *, const yaml *given, arena *);
const char *check_draw(const object *, rng *, arena *);

// Weights that let mistakes show: N(0, ¼²) at width 12, as large in effect at others.
void check_fill(fixture *, uint64_t seed);

// How many times as much as its weights (as they are now) a network's outputs change, both relative, and its loss in training.
// Rounding is amplified alike: where this is large, bounds on rounding say nothing.
enum { WILD = 100 };
double check_amplification(fixture *);

// The bytes that a sequence's state takes after T tokens, by theory; −1: nobody says.
int64_t check_state_bytes(const network *, int64_t T);

// The properties, by file.
extern const check_property check_causality, check_own_token, check_batch, check_step, check_scan, check_save;
extern const check_property check_threads, check_memorise, check_gradients, check_state;
