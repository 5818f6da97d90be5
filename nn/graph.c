#include "nn/graph.h"

#include <string.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static graph_timing *timing_of(const graph *g, const op *o)
{
    for (int i = 0; g->timing && i < op_list_length; i++)
        if (op_list[i] == o)
            return &g->timing[i];
    return NULL;
}

static bool wants_gradient(const node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->grad)
            return n->op->backward[REFERENCE] != NULL;
    return false;
}

static void record(graph *g, node *n)
{
    if (g->length == g->room) {
        node **longer = arena_take(g->step, sizeof *longer * (size_t)(g->room = g->room ? 2 * g->room : 256));
        if (g->length)
            memcpy(longer, g->tape, sizeof *longer * (size_t)g->length);
        g->tape = longer;
    }
    g->tape[g->length++] = n;
}

static node *node_new(const graph *g, const op *o, const void *options, tensor *const *in, int n)
{
    CHECK(o->inputs < 0 || o->inputs == n, "%s takes %d inputs, not %d", o->name, o->inputs, n);
    node *made = arena_zero(g->step, sizeof *made);
    made->op = o;
    made->n_in = n;
    made->in = arena_take(g->step, sizeof *made->in * (size_t)n);
    memcpy(made->in, in, sizeof *made->in * (size_t)n);
    if (o->options_size) {
        void *copy = arena_take(g->step, o->options_size);
        memcpy(copy, options, o->options_size);
        made->options = copy;
    }
    return made;
}

node *graph_apply(graph *g, const op *o, const void *options, tensor *const *in, int n_in)
{
    node *n = node_new(g, o, options, in, n_in);
    const bool back = g->record && wants_gradient(n);
    tensor shape[MAX_OUTPUTS] = {{0}};
    o->shapes(n, shape);
    for (int i = 0; i < o->outputs; i++) {
        if (shape[i].rank == 0)
            continue;
        n->out[i] = tensor_new(g->step, shape[i].type, shape[i].rank, shape[i].dim);
        if (back && shape[i].type == REAL_TENSOR)
            n->out[i]->grad = arena_take(g->step, sizeof(real) * (size_t)tensor_size(n->out[i]));
    }
    if (back && o->saved_bytes)
        n->saved = arena_take(g->step, o->saved_bytes(n));

    graph_timing *timing = timing_of(g, o);
    const double start = timing ? seconds() : 0;
    (o->forward[g->backend] ? o->forward[g->backend] : o->forward[REFERENCE])(n, g->team);
    if (timing) {
        timing->forward += seconds() - start;
        timing->calls++;
        timing->flops += o->flops ? o->flops(n) : 0;
    }
    if (back)
        record(g, n);
    return n;
}

static void reach(tensor *x)
{
    if (x && x->grad && !tensor_reach(x))
        memset(x->grad, 0, sizeof(real) * (size_t)tensor_size(x));
}

static bool is_reached(const node *n)
{
    for (int i = 0; i < n->op->outputs; i++)
        if (n->out[i] && n->out[i]->grad && n->out[i]->reached)
            return true;
    return false;
}

static void node_backward(const graph *g, node *n)
{
    const op *o = n->op;
    const backend at = o->backward[g->backend] ? g->backend : REFERENCE;
    for (int i = 0; !o->first[at] && i < n->n_in; i++)
        reach(n->in[i]);
    for (int i = 0; !o->first[at] && i < o->outputs; i++)
        reach(n->out[i]);                           // an output that nobody used: zeros
    graph_timing *timing = timing_of(g, o);
    const double start = timing ? seconds() : 0;
    o->backward[at](n, g->team);
    if (timing)
        timing->backward += seconds() - start;
}

void graph_backward(graph *g, tensor *loss)
{
    CHECK(tensor_size(loss) == 1 && loss->grad, "the loss must be one number that depends on a weight");
    reach(loss);
    loss->grad[0] = 1;
    for (int i = g->length - 1; i >= 0; i--)
        if (is_reached(g->tape[i]))                 // else the loss does not depend on it
            node_backward(g, g->tape[i]);
    g->tape = NULL;                                 // it lies in `step`, which the caller takes back
    g->length = g->room = 0;
}
