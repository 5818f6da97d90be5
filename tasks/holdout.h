// Transitions that are kept from training: a share of an automaton's (state, symbol) pairs. A model that has learned the rule
// makes them right when they come in the test data; one that has learned a table does not.
#pragma once
#include "base/arena.h"
#include "base/diag.h"

enum { HOLDOUT_PAIRS = 1 << 20 };                       // states × symbols, at most

typedef struct transitions {
    int states, symbols, first;                         // first: the state before anything is read
    const int  *next;                                   // [states, symbols]; −1: no such transition
    const bool *needed;                                 // [states, symbols] that training must have; NULL: none
} transitions;

// round(share · transitions) of those on the ways from the first state, marked: [states, symbols]. They are taken in the order
// of a fixed hash of (state, symbol), the same for every seed, so that a larger share holds out those of a smaller one as well.
// Passed over are those without which a state would have no symbol, a symbol no state, or a state could no longer be reached
// from where it could. NULL after a report: none at all, or more than possible.
const bool *holdout_choose(const transitions *, double share, arena *, mark at, diag *);
