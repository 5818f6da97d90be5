// A summary as text: one row a model and grid point, floors and overlap below, then what a reader has to know.
#pragma once
#include <stdio.h>
#include "results/grid.h"
#include "results/summary.h"

typedef struct table_options {
    metric metric;                      // the error columns; TOKEN_ERROR by default
    bool   seeds;                       // one more table: a row a seed
    bool   compare;                     // permutation tests between the models at the longest common length, Holm-corrected
    bool   colour;                      // text: bold heading
} table_options;

void table_print(FILE *, const summary *, table_format, const table_options *);     // options NULL: the defaults
// what table_print adds below: floors, overlap, cautions
void table_notes(FILE *, const summary *, table_format, const table_options *);
void table_method(FILE *, const summary *);             // how the numbers were made, as a paragraph fit for a paper
// tidy: one record a run and length, counts and rates; false: a write failed
bool table_export(FILE *, const summary *, bool jsonl);

// Numbers as tables show them; NaN is "–", infinity "diverged".
const char *table_number(double, arena *);              // an error rate or a loss: three digits or four decimals
const char *table_count(double, arena *);               // "803k", "1.2M"
const char *table_seconds(double, arena *);             // "12 s", "3.4 min", "1.2 h"
