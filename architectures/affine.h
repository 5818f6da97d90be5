// Affine-state layers as prefix scans (Yau et al. 2025): s_t = E_t ▷ s_{t−1} + f_t, where E_t scales the rows of the state.
// Pairs compose as (E₂, f₂) ∘ (E₁, f₁) = (E₂·E₁, f₂ + E₂ ▷ f₁), which is associative: the plans of scan.h give what the
// recurrence gives, up to rounding. A mixer that says what its pairs are (mixer.affine) can be run so, beside forward and step.
#pragma once
#include "architectures/mixer.h"

// Pairs of B sequences of T tokens: E [B, T, rows], f [B, T, rows, columns], taken from a graph's step arena; inputs: the
// mixer's own, from pairs to read.
typedef struct affine_pairs { int64_t B, T, rows, columns; real *E, *f; const void *inputs; } affine_pairs;

typedef struct affine_form {
    affine_pairs (*pairs)(const layer *, graph *, tensor *x);                                       // of x [B, T, D]
    tensor      *(*read) (const layer *, graph *, const affine_pairs *, const real *states);        // states as f → [B, T, D]
} affine_form;

affine_pairs affine_pairs_new(graph *, int64_t B, int64_t T, int64_t rows, int64_t columns, const void *inputs);

// The layer's output by the static scan, or by the online counter; the same bracketing, so the same bits.
typedef enum { AFFINE_STATIC, AFFINE_COUNTER } affine_order;
tensor *affine_forward(const layer *, graph *, tensor *x, affine_order);
