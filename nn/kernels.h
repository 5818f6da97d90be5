// The fast kernels: plain C that vectorises, compiled once for each instruction level (nn/kernels/*.c), chosen at start.
// One list makes the table and the declarations: X(result, name, (arguments)). Pointers never overlap unless they are equal.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct adamw_step { float scale, beta1, beta2, size, root, eps, shrink; } adamw_step;      // see nn/optimizer.c

// Rows of D: what nn/ops/norm.c hands over. r, sum, bias, moments, dsum, dx, dr may be NULL; add_x and add_r: to what is there.
typedef struct norm_rows {
    int64_t D;
    bool    centred;                             // LayerNorm: the mean is subtracted
    float   eps;
    const float *x, *r, *gain, *bias, *dy, *dsum;
    float  *sum, *y, *moments, *dx, *dr;         // moments [rows, 2]: mean, 1/deviation
    bool    add_x, add_r;
} norm_rows;

// One head of one sequence: rows of K numbers, q_step, kv_step, y_step apart. The queries are the last Tq of T positions.
typedef struct attention_head {
    int64_t K, Tq, T, q_step, kv_step, y_step;
    bool    causal, add_q, add_kv;               // add_…: to the gradients there; else they are set
    float   scale;
    const float *q, *k, *v, *dy;
    float  *y, *kept, *dq, *dk, *dv;        // kept [Tq, 2]: from forward to backward, or NULL; dq NULL, dk and dv NULL: not asked
    int64_t window;                              // positions that a query sees; 0: all before it
    float   slope;                               // taken from a score, before scaling, for each position of distance
    void  (*draw)(void *dropped, int64_t n, float *multiplier);      // of the next query's probabilities; NULL: none
    void   *dropped;
} attention_head;

// Channels of sequences of T tokens, [B, T, E]: what nn/ops/short_conv.c hands over. weight [E, width]; add: to the dx there.
typedef struct short_conv_rows {
    int64_t T, E, width;
    bool    silu, add;
    const float *x, *weight, *bias, *dy;         // bias or dx NULL: none
    float  *y, *dx;
} short_conv_rows;

// What nn/ops/selective_scan.c hands over: x, delta, z and y [B, T, E], BC [B, T, 2N], A_log [E, N], D [E]; kept: the states
// before each segment but the first, [B, segments − 1, N, E], or NULL.
enum { SCAN_SEGMENT = 16 };
typedef struct selective_scan_rows {
    int64_t T, E, N;
    bool    negative, add_x, add_delta, add_z;   // negative: transitions 2e − 1
    const float *x, *delta, *z, *BC, *A_log, *D, *dy;
    float  *y, *kept, *dx, *ddelta, *dz;         // dx … NULL: not asked
} selective_scan_rows;

// One head of one sequence for nn/ops/linear_attention.c: rows of K (q, k) and V (v, y) numbers, their steps apart.
enum { LINEAR_ATTENTION_CHUNK = 64 };            // the most tokens of a chunk
typedef struct linear_attention_head {
    int64_t K, V, T, qk_step, v_step, y_step, gate_step, chunk, kept_size;      // kept_size: numbers from state to state
    bool    gate_step_k;                         // a gate for each key channel; else one for all
    bool    add_q, add_k, add_v, add_gate;
    float   scale, per;                          // log-decay: logsigmoid(gate)·per
    const float *q, *k, *v, *gate, *dy;          // gate NULL: none
    float  *y, *kept, *dq, *dk, *dv, *dgate;     // kept: the state before each chunk but the first, or NULL; dq … NULL: not asked
} linear_attention_head;

#define KERNELS(X) \
    X(void,   exp_each,       (const float *x, float *y, int64_t n))    /* y = e^x, 1 ulp; 0 below −87.33, +inf above 88.72 */ \
    X(void,   gelu,           (const float *x, float *y, int64_t n)) \
    X(void,   gelu_back,      (const float *x, const float *dy, float *dx, int64_t n, bool add)) \
    X(void,   add,            (const float *a, const float *b, float *y, int64_t n)) \
    X(void,   add_scaled,     (const float *x, float scale, float *y, int64_t n, bool add)) /* y = scale·x, or y + scale·x */ \
    X(void,   column_sums,    (const float *x, int64_t rows, int64_t ld, int64_t columns, float *y, bool add)) \
    X(void,   norm,           (const norm_rows *, int64_t from, int64_t to)) \
    X(void,   norm_back,      (const norm_rows *, int64_t from, int64_t to, float *partial)) \
    X(void,   attention,      (const attention_head *, float *scratch)) \
    X(void,   attention_back, (const attention_head *, int64_t block, float *scratch)) \
    /* the row's loss; its gradient in place of the logits, which may be touched up to the next multiple of 16 */ \
    /* one token of one sequence, D cells; a [4D]: what the brackets of lstm.c hold becomes the gates, these become gradients */ \
    X(void,   lstm,           (float *a, const float *c_before, float *c, float *h, int64_t D)) \
    X(void,   lstm_back,      (float *a, const float *c_before, const float *c, const float *dh, float *dc, int64_t D)) \
    X(void,   gru,            (const float *x, float *a, const float *h_before, float *h, int64_t D))    /* see gru.c for a */ \
    X(void,   gru_back,       (float *a, const float *h_before, const float *dh, float *dh_before, int64_t D)) \
    X(void,   swiglu,         (const float *a, const float *b, float *y, int64_t n)) \
    X(void,   swiglu_back,    (const float *a, const float *b, const float *dy, float *da, bool add_a, float *db, bool add_b, \
                               int64_t n)) \
    /* sequences first … last, channels from … to; partial [width + 1, E], weights [E·N + E], dBC [B·T, 2N]: see the kernels */ \
    X(void,   short_conv,     (const short_conv_rows *, int64_t first, int64_t last, int64_t from, int64_t to)) \
    X(void,   short_conv_back, (const short_conv_rows *, int64_t first, int64_t last, int64_t from, int64_t to, float *partial)) \
    X(void,   selective_scan, (const selective_scan_rows *, int64_t first, int64_t last, int64_t from, int64_t to, \
                               float *scratch)) \
    X(void,   selective_scan_back, (const selective_scan_rows *, int64_t first, int64_t last, int64_t from, int64_t to, \
                                    float *weights, float *dBC, bool add_BC, float *scratch)) \
    X(void,   linear_attention, (const linear_attention_head *, float *scratch)) \
    X(void,   linear_attention_back, (const linear_attention_head *, float *scratch)) \
    X(float,  head_loss_row,  (float *logits, int64_t V, int target, float scale, bool gradient, int *prediction)) \
    X(void,   adamw,          (float *p, float *m, float *v, const float *grad, int64_t n, const adamw_step *)) \
    X(double, sum_squares,    (const float *x, int64_t n)) \
    /* op(A)·op(B), or bias + …, or C + … where `add`; as gemm() of nn/gemm.h. bias [N] or NULL */ \
    X(void,   gemm,           (bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, \
                               int64_t ldb, const float *bias, bool add, float *C, int64_t ldc)) \

#define KERNEL_POINTER_(result, name, arguments) result (*name) arguments;
typedef struct kernels { KERNELS(KERNEL_POINTER_) } kernels;

extern const kernels *kernel;                    // the table in use: kernel->exp_each(x, y, n)
extern const kernels kernels_v1, kernels_v3, kernels_v4;
