// Draws that recall tasks share: distinct numbers, and slots by successive sampling. Neither costs more for a larger vocabulary.
#pragma once
#include <stdbool.h>
#include "base/arena.h"
#include "base/rng.h"

enum { DRAW_MOST = 4096, DRAW_SLOTS = 16384 };      // numbers in a set; slots to choose from

typedef struct number_set { unsigned mask; int entry[4 * DRAW_MOST]; } number_set;      // open addressing; −1: empty

void set_clear(number_set *, int n);                // room for n numbers, n ≤ 2·DRAW_MOST
bool set_add(number_set *, int number);             // numbers ≥ 0; false: it was there
bool set_has(const number_set *, int number);

// n distinct numbers of {from, …, from + count − 1}, every ordered choice equally likely; the set holds them afterwards.
void draw_distinct(rng *, number_set *, int from, int count, int n, int *drawn);
void draw_shuffle(rng *, int *items, int n);

// Prefix sums of the weights s^(power − 1) of slots s = 1, 2, …: sums[s] = 1^(power−1) + … + s^(power−1).    [slots + 1]
const double *draw_power_sums(double power, int slots, arena *);

// n distinct slots of {first, …, last} by successive sampling: one is drawn by the weights, taken away, the rest is
// renormalised. In the order drawn.
void draw_slots(rng *, const double *sums, int first, int last, int n, int *drawn);
