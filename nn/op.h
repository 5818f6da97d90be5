// An op: formula, kernels, cases, together in one file of nn/ops/. It is a constant; a node is one use of it.
#pragma once
#include <stddef.h>
#include "nn/team.h"
#include "nn/tensor.h"

typedef struct op   op;
typedef struct node node;

// An empty slot falls back to REFERENCE: plain loops, every other one's oracle. The double build has only those.
typedef enum { REFERENCE, CPU, CUDA, BACKENDS } backend;
#ifdef REAL_DOUBLE
#define CPU_SLOT(kernel) NULL
#else
#define CPU_SLOT(kernel) kernel
#endif

enum { MAX_OUTPUTS = 3 };

struct node {
    const op    *op;
    int          n_in;
    tensor     **in;                    // [n_in], NULL for an optional input left out
    tensor      *out[MAX_OUTPUTS];
    const void  *options;               // copied when applied; nothing in it changes from step to step
    void        *saved;                 // op->saved_bytes(n), from forward to backward; NULL where nothing is recorded
};

// What the tests try: shapes of the inputs (dim 0 = 0: left out), options, and for INDEX inputs the number below which
// the indices are drawn (0: a REAL input; −n: from −1, which is IGNORE, to n − 1).
typedef struct op_case {
    int64_t     in[8][MAX_RANK];        // trailing zeros end a shape
    int         below[8];
    const void *options;
    double      scale;                  // of the random inputs; 0 means 1
} op_case;

struct op {
    const char *name;
    int         inputs, outputs;        // inputs −1: any number
    size_t      options_size;
    void   (*shapes)     (const node *, tensor shape[MAX_OUTPUTS]);    // fills type, rank, dim of each output; CHECKs the inputs;
                                                                       // an output left at rank 0 is not made (out[i] NULL)
    size_t (*saved_bytes)(const node *);                               // NULL: none
    void   (*forward [BACKENDS])(const node *, const team *);
    // grad += …; skips inputs whose grad is NULL; NULL: not differentiable
    void   (*backward[BACKENDS])(const node *, const team *);
    bool   first[BACKENDS];             // backward itself asks tensor_reach of its inputs and sets instead of adding, and looks
                                        // at `reached` of its outputs; else inputs and unused outputs come cleared
    double (*flops)      (const node *);                        // useful multiply-adds × 2 of the forward pass; NULL: not counted
    const op_case *cases;
    int            n_cases;             // a test fails an op without cases
    double         tolerance;           // of the CPU kernel against REFERENCE, relative; 0 means 1e-5
};

extern const op *const op_list[];       // made by the build from the list in meson.build
extern const int       op_list_length;
