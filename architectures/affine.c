#include "architectures/affine.h"
#include <string.h>
#include "architectures/scan.h"

affine_pairs affine_pairs_new(graph *g, int64_t B, int64_t T, int64_t rows, int64_t columns, const void *inputs)
{
    return (affine_pairs){
        B, T, rows, columns, arena_take(g->step, (size_t)(B * T * rows) * sizeof(real)),
        arena_take(g->step, (size_t)(B * T * rows * columns) * sizeof(real)), inputs,
    };
}

typedef struct pair { real *E, *f; } pair;                      // [rows], [rows, columns]

static pair pair_new(arena *a, const affine_pairs *p)
{
    return (pair){ arena_take(a, (size_t)p->rows * sizeof(real)), arena_take(a, (size_t)(p->rows * p->columns) * sizeof(real)) };
}

static pair pair_at(const affine_pairs *p, int64_t b, int64_t t)
{
    const int64_t at = (b * p->T + t) * p->rows;
    return (pair){ p->E + at, p->f + at * p->columns };
}

// out = later ∘ earlier; out may be later.
static void combine(const affine_pairs *p, pair earlier, pair later, pair out)
{
    for (int64_t r = 0; r < p->rows; r++) {
        for (int64_t i = r * p->columns; i < (r + 1) * p->columns; i++)
            out.f[i] = later.f[i] + later.E[r] * earlier.f[i];
        out.E[r] = later.E[r] * earlier.E[r];
    }
}

// From the state zero, what a prefix's pair adds is the state.
static void states_static(const affine_pairs *p, int64_t b, arena *a, real *states)
{
    const scan_plan plan = scan_static(a, (int)p->T + 1);       // exclusive prefixes of one more: the last includes all
    pair *slot = arena_take(a, (size_t)(plan.slots + 1) * sizeof *slot);
    for (int t = 0; t < p->T; t++)
        slot[t] = pair_at(p, b, t);
    for (int d = 0; d < plan.n_levels; d++)
        for (int i = 0; i < plan.levels[d].n; i++) {
            const scan_level *level = &plan.levels[d];
            slot[level->out[i]] = pair_new(a, p);
            combine(p, slot[level->left[i]], slot[level->right[i]], slot[level->out[i]]);
        }
    const int64_t size = p->rows * p->columns;
    for (int t = 0; t < p->T; t++)
        memcpy(states + t * size, slot[plan.prefix[t + 1]].f, (size_t)size * sizeof *states);
}

static void states_counter(const affine_pairs *p, int64_t b, arena *a, real *states)
{
    pair slot[2 * SCAN_LEVELS] = {{0}};
    const int64_t size = p->rows * p->columns;
    for (int64_t t = 0; t < p->T; t++) {
        scan_move move[SCAN_MOVES];
        int prefix;
        const int n = scan_counter(t, move, &prefix);
        const pair now = pair_at(p, b, t);
        for (int i = 0; i < n; i++) {
            pair *out = &slot[move[i].out];
            const pair left = move[i].left == SCAN_NEW ? now : slot[move[i].left];
            if (!out->E)
                *out = pair_new(a, p);
            if (move[i].right == SCAN_COPY) {
                memcpy(out->E, left.E, (size_t)p->rows * sizeof(real));
                memcpy(out->f, left.f, (size_t)size * sizeof(real));
            } else
                combine(p, left, move[i].right == SCAN_NEW ? now : slot[move[i].right], *out);
        }
        memcpy(states + t * size, slot[prefix].f, (size_t)size * sizeof *states);
    }
}

tensor *affine_forward(const layer *l, graph *g, tensor *x, affine_order order)
{
    const affine_form *form = l->mixer->affine;
    CHECK(form, "mixer %s is no affine recurrence", l->mixer->name);
    const affine_pairs p = form->pairs(l, g, x);
    const int64_t size = p.T * p.rows * p.columns;
    real *states = arena_take(g->step, (size_t)(p.B * size) * sizeof *states);
    for (int64_t b = 0; b < p.B; b++) {
        const arena_mark start = arena_save(g->step);
        (order == AFFINE_STATIC ? states_static : states_counter)(&p, b, g->step, states + b * size);
        arena_restore(g->step, start);
    }
    return form->read(l, g, &p, states);
}
