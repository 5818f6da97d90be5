// The ops as functions of tensors. Shapes in brackets; "…" is any leading dimensions, kept. Each is defined, with its
// formula and source, in nn/ops/NAME.c.
#pragma once
#include "nn/graph.h"

// y[…, :] = table[token, :] (+ positions[t mod P, :]).  tokens INDEX [B, T], table [V, D], positions [P, D] or NULL → [B, T, D]
tensor *nn_embed(graph *, tensor *tokens, tensor *table, tensor *positions);

// y = x·W[:, first … first+columns) (+ b there).  x […, K], W [K, N], b [N] or NULL → […, columns].  GPT-2's orientation.
tensor *nn_linear(graph *, tensor *x, tensor *W, tensor *b, int64_t first, int64_t columns);

// LayerNorm or RMSNorm over the last dimension; gain [D], bias [D] or NULL.  x […, D] → […, D]
typedef enum { NORM_LAYER, NORM_RMS } norm_kind;
typedef struct norm_options { int kind; double eps; } norm_options;
tensor *nn_norm(graph *, norm_options, tensor *x, tensor *gain, tensor *bias);

// The residual sum and its norm in one pass: *sum = x + r, y = norm(*sum).
tensor *nn_add_norm(graph *, norm_options, tensor *x, tensor *r, tensor *gain, tensor *bias, tensor **sum);

tensor *nn_add (graph *, tensor *a, tensor *b);                  // same shapes; or b [D] … [c, D]: repeated over a's leading rows
tensor *nn_gelu(graph *, tensor *x);                             // x·½(1 + tanh(√(2/π)(x + 0.044715x³)))

// Softmax attention of H heads, scores / √(D/H).  q's columns [q_first, q_first + D) of q [B, Tq, ·]; keys and values from
// columns k_first and v_first of kv [B, T, ·] → [B, Tq, D].  The queries are the last Tq of the T positions; CAUSAL: a
// query sees the positions up to its own; FULL: all.  q and kv may be one tensor.
// window W > 0 (CAUSAL only): a query sees W positions, its own included. alibi: a distance of d costs slope·d, a slope a head
// (Press et al. 2022). dropout: of the probabilities, where the graph has a key.
typedef enum { CAUSAL, FULL } attention_mask;
typedef struct attention_options {
    int heads, mask;
    int64_t D, q_first, k_first, v_first, window;
    bool alibi;
    double dropout;
    int64_t draw;                                                // nn_attention numbers the masks
} attention_options;
tensor *nn_attention(graph *, attention_options, tensor *q, tensor *kv);
double  attention_slope(int head, int heads);                    // of ALiBi; head from 0

// Rotary positions: the first `columns` of x [B, T, ·], heads of K, turned by the angles of positions first … first + T − 1.
typedef struct rope_options { int64_t K, columns, first; double base; } rope_options;
tensor *nn_rope(graph *, rope_options, tensor *x);

// A share `rate` of the elements becomes zero, the others grow by 1/(1 − rate); x itself where the graph has no key. The masks
// are a function of seed, step, the order of the draws in the step, and the element.
void    nn_dropout_key(graph *, uint64_t seed, uint64_t step);
tensor *nn_dropout(graph *, tensor *x, double rate);

// Recurrent layers, torch.nn's formulas (nn/ops/lstm.c, gru.c): inputs are x·W + b of all positions, gates i f g o or r z n.
// inputs [B, T, gates·D], R [D, gates·D], bias [gates·D] → the outputs h [B, T, D], from h = 0.
tensor *nn_lstm(graph *, tensor *inputs, tensor *R, tensor *bias);
tensor *nn_gru (graph *, tensor *inputs, tensor *R, tensor *bias);

// y = SiLU(a)·b, elementwise; same sizes.
tensor *nn_swiglu(graph *, tensor *a, tensor *b);

// Depthwise causal convolution over time, with SiLU behind it or not: x [B, T, E], W [E, width] (the last tap: the current
// token), b [E] or NULL → [B, T, E]
typedef struct short_conv_options { bool silu; } short_conv_options;
tensor *nn_short_conv(graph *, short_conv_options, tensor *x, tensor *W, tensor *b);

// Mamba's scan with its skip and gate: x, delta (before softplus) and z [B, T, E], A_log [E, N], BC [B, T, 2N] (B first), D [E]
// → [B, T, E].  negative: transitions 2·exp(ΔA) − 1, eigenvalues in [−1, 1].
typedef struct selective_scan_options { bool negative; } selective_scan_options;
tensor *nn_selective_scan(graph *, selective_scan_options, tensor *x, tensor *delta, tensor *A_log, tensor *BC, tensor *D,
                          tensor *z);

// S_t = diag(α_t)·S_{t−1} + k_tᵀ·v_t, y_t = scale·q_t·S_t for each head; log α = logsigmoid(gate)/divisor. q and k [B, T, H·K],
// v [B, T, H·V]; gate NULL (α = 1), [B, T, H] (one a head) or [B, T, H·K] (one a key channel) → [B, T, H·V]
typedef enum { GATE_NONE, GATE_SCALAR, GATE_DIAGONAL } gate_kind;
typedef struct linear_attention_options { int heads, gate; double scale, divisor; } linear_attention_options;
tensor *nn_linear_attention(graph *, linear_attention_options, tensor *q, tensor *k, tensor *v, tensor *gate);

// y[r, :] = row index[r] of the sources put under each other; a negative index gives zeros. Rows may repeat; gradients add.
// Sources […, D], index INDEX [R] (any shape) → [index's shape…, D].  Chunks, halves and supervised positions are all this.
tensor *nn_rows(graph *, tensor *index, tensor *const *sources, int n);

// Head and loss in one: logits = h·Wᵀ (+ bias) are made in blocks of rows and never stored. h [R, D], W [V, D], bias [V] or
// NULL, targets INDEX [R].  loss [1]: mean cross-entropy over targets that are not IGNORE; row_loss [R] (0 where ignored);
// predictions INDEX [R]: the first largest logit.
typedef struct head_loss { tensor *loss, *row_loss, *predictions; } head_loss;
head_loss nn_head_loss(graph *, tensor *h, tensor *W, tensor *bias, tensor *targets);
tensor   *nn_logits(graph *, tensor *h, tensor *W, tensor *bias);              // [R, V], for those who want to see them
