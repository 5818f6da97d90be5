// The state of a stream, in bytes, against what the theory of the architecture says.
#include "harness/check.h"

#include <stdio.h>
#include "architectures/backbone.h"

int64_t check_state_bytes(const network *n, int64_t T)
{
    const architecture *a = n->architecture;
    if (a->state_bytes) return a->state_bytes(n->options, T);
    if (a->build != backbone_build) return -1;
    const backbone_options *o = n->options;
    int64_t bytes = 0;
    for (int i = 0; i < backbone_layers(a->mixer, o); i++) {
        const backbone_use use = backbone_layer(a->mixer, o, i);
        bytes += o->loop * block_state_bytes(&o->block, use.mixer, use.options, o->common.d_model, T);
    }
    return bytes;
}

static bool has_theory(const fixture *f) { return check_state_bytes(f->network, 1) >= 0; }

static const int at_lengths[] = { 1, 64, 4096 };

// What the arena adds: 64 bytes of alignment for each piece (there are fewer than weights), lists, the unused part of a cache
// that grows in blocks.
static double allowed(const fixture *f, int64_t theory)
{
    const bool loops = f->network->architecture->build == backbone_build;
    const int passes = loops ? ((const backbone_options *)f->network->options)->loop : 1;
    return 1.25 * (double)theory + 1024 + 64.0 * passes * f->network->model.n;
}

static void measure_state(fixture *f, int longest, measurement *m)
{
    stream s;
    real *y = arena_take(f->life, (size_t)f->D * sizeof *y);
    fixture_fill(f, 8, 0.05);
    const int *tokens = fixture_tokens(f, 2, longest, f->inputs);
    const arena_mark start = arena_save(f->memory);
    const size_t before = arena_used(f->memory);
    int at[LEN(at_lengths)], n = 0;
    stream_begin(&s, f->network, 1, f->memory, f->step, f->team);
    for (int t = 0; t < longest; t++) {
        stream_step(&s, f->network, &tokens[t], y);
        if (t + 1 != at_lengths[n]) continue;
        const double bytes = (double)(arena_used(f->memory) - before);
        const int64_t theory = check_state_bytes(f->network, t + 1);
        observe(m, t + 1, bytes / allowed(f, theory), "%.0f bytes after %d tokens, by theory %lld", bytes, t + 1,
                (long long)theory);
        observe(m, t + 1, (double)theory / bytes, "only %.0f bytes after %d tokens, by theory %lld", bytes, t + 1,
                (long long)theory);
        at[n++] = (int)bytes;
    }
    arena_restore(f->memory, start);
    if (n == LEN(at_lengths)) snprintf(m->note, sizeof m->note, "%d, %d, %d bytes", at[0], at[1], at[2]);
}

const check_property check_state = {
    .name = "state", .summary = "bytes at 1, 64 and 4096 tokens over what theory allows", .bound = { 1, NAN }, .length = 4096,
    .every = true, .applies = has_theory, .measure = measure_state,
};
