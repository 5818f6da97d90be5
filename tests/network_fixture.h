// A network ready to be tried: opened from its entry in a sweep file, with arenas, a team, tokens and targets.
#pragma once
#include "architectures/architecture.h"

typedef struct fixture {
    arena   *life, *step, *memory;
    team    *team;
    network *network;
    int      D;
    int64_t  dropout_step;              // fixture_loss drops as in this step of training; −1: nothing
    diag    *faults;                    // of the entry; network NULL: it was rejected
} fixture;

extern const double step_tolerance;     // of forward = step, over the position's largest entry: 1e-4 in float, 1e-10 in double

void     fixture_start(void);                                                           // once, before anything is computed
fixture  fixture_try(const char *entry, int inputs, int outputs, int64_t tokens);       // rejected or not
fixture  fixture_open(const char *entry, int inputs, int outputs);                      // must be accepted
void     fixture_close(fixture *);
void     fixture_fill(fixture *, uint64_t seed, double scale);                          // weights scale·N(0, 1), gains 1 + that
int     *fixture_tokens(fixture *, uint64_t seed, int n, int below);                    // in life
real    *fixture_forward(fixture *, const int *tokens, int B, int T);                   // [B, T, D], in life
// The same by steps; tokens [B, stride].
void     fixture_stream(fixture *, const int *tokens, int B, int T, int stride, real *hidden);
// back: with gradients, cleared first.
double   fixture_loss(fixture *, const int *tokens, const int *targets, int B, int T, bool back);
