#include "tasks/holdout.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/check.h"

typedef struct candidate { uint64_t hash; int pair; } candidate;        // pair: state · symbols + symbol

// The choice so far, and room for searching the transitions that are left.
typedef struct choice { const transitions *of; bool *held; int *state_left, *symbol_left, *queue, *seen, searches; } choice;

// splitmix64 of the two numbers; the key is fixed.
static uint64_t hash_pair(int state, int symbol)
{
    uint64_t h = ((uint64_t)state << 32 | (uint64_t)symbol) + 0x5ca9be9c5ca9be9cu;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return h ^ h >> 31;
}

static int by_hash(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash) : (x->pair > y->pair) - (x->pair < y->pair);
}

// Marks states that can be reached as seen by this search, until `to` is among them; all of them for −1.
static void search(choice *c, int from, int to)
{
    const int symbols = c->of->symbols;
    int n = 0;
    c->searches++;
    c->queue[n++] = from;
    c->seen[from] = c->searches;
    for (int i = 0; i < n && (to < 0 || c->seen[to] != c->searches); i++)
        for (int pair = c->queue[i] * symbols; pair < (c->queue[i] + 1) * symbols; pair++) {
            const int next = c->of->next[pair];
            if (next < 0 || c->held[pair] || c->seen[next] == c->searches)
                continue;
            c->seen[next] = c->searches;
            c->queue[n++] = next;
        }
}

// Whatever could be reached still can where the transition's end is reached from its state in another way.
static bool hold_out(choice *c, int pair)
{
    const int state = pair / c->of->symbols, symbol = pair % c->of->symbols, next = c->of->next[pair];
    if ((c->of->needed && c->of->needed[pair]) || c->state_left[state] == 1 || c->symbol_left[symbol] == 1)
        return false;
    c->held[pair] = true;
    search(c, state, next);
    c->held[pair] = c->seen[next] == c->searches;
    c->state_left[state]   -= c->held[pair];
    c->symbol_left[symbol] -= c->held[pair];
    return c->held[pair];
}

// The transitions on the ways from the first state, by their hash; how many.
static int list_candidates(choice *c, candidate *list)
{
    const int states = c->of->states, symbols = c->of->symbols;
    int n = 0;
    search(c, c->of->first, -1);
    for (int pair = 0; pair < states * symbols; pair++) {
        const int state = pair / symbols, symbol = pair % symbols;
        if (c->of->next[pair] < 0 || !c->seen[state])
            continue;
        list[n++] = (candidate){ hash_pair(state, symbol), pair };
        c->state_left[state]++;
        c->symbol_left[symbol]++;
    }
    qsort(list, n, sizeof *list, by_hash);
    return n;
}

const bool *holdout_choose(const transitions *of, double share, arena *a, mark at, diag *d)
{
    const int64_t pairs = (int64_t)of->states * of->symbols;
    CHECK(pairs <= HOLDOUT_PAIRS, "%d states, %d symbols", of->states, of->symbols);
    const size_t states = of->states * sizeof(int);
    candidate *list = arena_take(a, pairs * sizeof *list);
    choice c = { .of = of, .held = arena_zero(a, pairs * sizeof(bool)), .state_left = arena_zero(a, states),
                 .symbol_left = arena_zero(a, of->symbols * sizeof(int)), .queue = arena_take(a, states),
                 .seen = arena_zero(a, states) };
    const int n = list_candidates(&c, list), wanted = (int)lround(share * n);
    int held = 0;
    for (int i = 0; i < n && held < wanted; i++)
        held += hold_out(&c, list[i].pair);
    if (wanted == 0)
        diag_error(d, at, "holdout_transitions: %g of %d transitions is none; one of them is %.4g", share, n, 1.0 / n);
    else if (held < wanted)
        diag_error(d, at, "holdout_transitions: %g of %d transitions are %d; training can do without %d of them, which is %.4g",
                   share, n, wanted, held, (double)held / n);
    return wanted > 0 && held == wanted ? c.held : NULL;
}
