// Work on [B, T, E] whose channels do not meet: pieces are some sequences and some channels. What a piece gives to the gradient
// of a weight is a part of its own, one for each group of sequences; the parts are added in order.
#pragma once
#ifndef REAL_DOUBLE
#include "nn/ops/fast.h"

typedef struct channel_grid { int64_t sequences, parts, channels, blocks; } channel_grid;    // of a piece, and how many of them

// About as many pieces as PIECES: whole sequences where there are enough, else blocks of whole cache lines of channels. At most
// `most` channels a piece.
static inline channel_grid channel_grid_of(int64_t B, int64_t E, int64_t most)
{
    enum { PIECES = 16, LINE = 16 };
    channel_grid g;
    g.sequences = (B + PIECES - 1) / PIECES;
    g.parts = (B + g.sequences - 1) / g.sequences;
    const int64_t cut = (E + PIECES / g.parts - 1) / (PIECES / g.parts), fit = most / LINE * LINE;
    g.channels = least((cut + LINE - 1) / LINE * LINE, fit > LINE ? fit : LINE);
    g.blocks = (E + g.channels - 1) / g.channels;
    return g;
}

typedef struct channel_piece { int64_t part, block, first, last, from, to; } channel_piece;        // sequences, channels

static inline channel_piece channel_piece_of(const channel_grid *g, int64_t B, int64_t E, int64_t i)
{
    channel_piece p = { .part = i / g->blocks, .block = i % g->blocks };
    p.first = p.part * g->sequences;
    p.last = least(p.first + g->sequences, B);
    p.from = p.block * g->channels;
    p.to = least(p.from + g->channels, E);
    return p;
}
#endif
