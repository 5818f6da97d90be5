// W channels at a time, their taps and the last rows of x in registers: see nn/ops/short_conv.c for the formulas.
#include "nn/kernels/activation.h"

enum { WIDTH_MOST = 64 };

// Channels c … c + n of the sequences first … last.
typedef struct strip { const short_conv_rows *a; int64_t first, last, c, n; vec tap[WIDTH_MOST], bias; } strip;

static void take_taps(strip *s)
{
    const short_conv_rows *a = s->a;
    for (int64_t j = 0; j < a->width; j++) {
        float lanes[W] = {0};
        for (int64_t i = 0; i < W && i < s->n; i++)
            lanes[i] = a->weight[(s->c + i) * a->width + j];
        s->tap[j] = load(lanes);
    }
    s->bias = a->bias ? load_n(a->bias + s->c, s->n) : all(0);
}

// seen[0 … width) are the last rows, the newest last; all but that one move up.
INLINE void advance(int width, vec *seen, vec newest)
{
    for (int j = 0; j + 1 < width; j++)
        seen[j] = seen[j + 1];
    seen[width - 1] = newest;
}

INLINE vec meet(int width, const vec *tap, const vec *seen, vec sum)
{
    for (int j = 0; j < width; j++)
        sum += tap[j] * seen[j];
    return sum;
}

INLINE void forward(const strip *s, int width)
{
    const short_conv_rows *a = s->a;
    for (int64_t b = s->first; b < s->last; b++) {
        vec seen[WIDTH_MOST];
        for (int j = 0; j < width; j++)
            seen[j] = all(0);
        for (int64_t t = 0; t < a->T; t++) {
            const int64_t at = (b * a->T + t) * a->E + s->c;
            advance(width, seen, load_n(a->x + at, s->n));
            const vec y = meet(width, s->tap, seen, s->bias);
            store_n(a->y + at, a->silu ? silu(y) : y, s->n);
        }
    }
}

// Token t gives its slope to the x of tokens t − width + 1 … t: when it is known, the first of these has all it gets.
INLINE void backward(const strip *s, int width, float *partial)
{
    const short_conv_rows *a = s->a;
    vec given[WIDTH_MOST], bias = {0};
    for (int j = 0; j < width; j++)
        given[j] = all(0);
    for (int64_t b = s->first; b < s->last; b++) {
        vec seen[WIDTH_MOST], slope[WIDTH_MOST];                // slope[j]: dy·dy/dpre of token t − (width − 1) + j
        for (int j = 0; j < width; j++)
            seen[j] = slope[j] = all(0);
        for (int64_t t = 0; t < a->T + width - 1; t++) {
            const int64_t at = (b * a->T + t) * a->E + s->c, done = at - (width - 1) * a->E;
            vec d = {0};
            if (t < a->T) {
                advance(width, seen, load_n(a->x + at, s->n));
                d = load_n(a->dy + at, s->n);
                if (a->silu)
                    d *= silu_slope(meet(width, s->tap, seen, s->bias));
                bias += d;
                for (int j = 0; j < width; j++)
                    given[j] += d * seen[j];
            }
            advance(width, slope, d);
            if (!a->dx || t < width - 1)
                continue;
            vec dx = a->add ? load_n(a->dx + done, s->n) : all(0);
            for (int j = 0; j < width; j++)
                dx += s->tap[j] * slope[width - 1 - j];
            store_n(a->dx + done, dx, s->n);
        }
    }
    for (int j = 0; j < width; j++)
        store_n(partial + j * a->E + s->c, given[j], s->n);
    store_n(partial + width * a->E + s->c, bias, s->n);
}

// Runs `work` with the usual widths as constants, so that taps and rows are registers.
#define WITH_WIDTH(width, work) \
    switch (width) { \
    case 2:  { enum { WIDTH = 2 }; work; } break; \
    case 3:  { enum { WIDTH = 3 }; work; } break; \
    case 4:  { enum { WIDTH = 4 }; work; } break; \
    default: { const int WIDTH = (int)(width); work; } \
    }

void KERNEL(short_conv)(const short_conv_rows *a, int64_t first, int64_t last, int64_t from, int64_t to)
{
    for (int64_t c = from; c < to; c += W) {
        strip s = { .a = a, .first = first, .last = last, .c = c, .n = to - c };
        take_taps(&s);
        WITH_WIDTH(a->width, forward(&s, WIDTH))
    }
}

// partial [width + 1, E]: what these sequences give to the taps and the bias; set, in the columns of these channels.
void KERNEL(short_conv_back)(const short_conv_rows *a, int64_t first, int64_t last, int64_t from, int64_t to, float *partial)
{
    for (int64_t c = from; c < to; c += W) {
        strip s = { .a = a, .first = first, .last = last, .c = c, .n = to - c };
        take_taps(&s);
        WITH_WIDTH(a->width, backward(&s, WIDTH, partial))
    }
}
