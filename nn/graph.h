// The tape. Ops are applied eagerly; what they need for the way back is recorded, in one arena that a batch gives back.
#pragma once
#include "nn/op.h"

typedef struct graph_timing { double forward, backward; int64_t calls; double flops; } graph_timing;   // seconds; one an op

typedef struct graph {
    arena        *step;                 // activations, gradients, tape: one batch
    const team   *team;
    backend       backend;
    bool          record;               // false: evaluation, no tape, no gradients
    node        **tape;
    int           length, room;
    tensor       *key;                  // of dropout's masks, see nn_dropout_key; NULL: nothing is dropped (evaluation)
    int64_t       draws;                // masks asked for so far: the number of the next one
    graph_timing *timing;               // [op_list_length], NULL: not timed (bench)
} graph;

// Applies an op: allocates its outputs in `step` (with gradients, where recorded and any input has one), runs the forward
// kernel, records the node. `in` has n entries. Returns the node: its outputs are node->out[0…].
node   *graph_apply(graph *, const op *, const void *options, tensor *const *in, int n);

// loss: one number. Gradients of all tensors on the tape, and of weights (which add up until cleared), then the tape is empty.
// A tensor's gradient is cleared when it is first reached.
void    graph_backward(graph *, tensor *loss);
