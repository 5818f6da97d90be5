#include "tasks/group_set.h"

#include "base/check.h"

enum { ALL, GENERATORS, TRANSPOSITIONS };
enum { WORD, MOVES, ELEMENTS };                 // the forms
static const char *const words[] = { "all", "generators", "transpositions", NULL };

typedef struct moves { int moves; } moves;
static const param moves_params[] = { INT(moves, moves, NULL, 2, 10, "points that a symbol moves at most"), {0} };
static const param element = AN_INT(0, GROUP_LARGEST - 1, "an element's number");

const param group_set_forms[] = {
    [WORD]     = A_CHOICE(words, "all elements, generators, or the identity and all transpositions"),
    [MOVES]    = A_SECTION(moves, moves_params, "elements that move few points, the identity included"),
    [ELEMENTS] = A_LIST(&element, 0, 0, "elements' numbers"),
    {0}
};

static bool set_all(group_set *set, const group *g)
{
    *set = (group_set){ .n = g->size };
    return true;
}

static bool set_generators(group_set *set, const group *g, arena *a)
{
    int *elements = arena_take(a, GROUP_GENERATORS * sizeof *elements);
    *set = (group_set){ group_generators(g, elements), elements };
    return true;
}

static bool set_moves(group_set *set, const group *g, int most, arena *a)
{
    int n = 0;
    for (int i = 0; i < g->size; i++)
        n += group_moved(g, i) <= most;
    int *elements = arena_take(a, n * sizeof *elements);
    *set = (group_set){ n, elements };
    for (int i = 0; i < g->size; i++)
        if (group_moved(g, i) <= most)
            *elements++ = i;
    return true;
}

// How many elements are products of those in the set. In a finite group every inverse is among them.
static int count_generated(const group_set *set, const group *g, arena *a)
{
    const arena_mark start = arena_save(a);
    bool *reached = arena_zero(a, g->size);
    int *queue = arena_take(a, g->size * sizeof *queue), n = 1;
    queue[0] = 0;
    reached[0] = true;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < set->n; k++) {
            const int product = group_product(g, queue[i], set->elements[k]);
            if (!reached[product])
                queue[n++] = product;
            reached[product] = true;
        }
    arena_restore(a, start);
    return n;
}

static bool set_list(group_set *set, const param_list *list, const group *g, const char *name, mark at, diag *d)
{
    *set = (group_set){ list->n, list->items };
    bool ok = list->n > 0;
    if (!ok)
        diag_error(d, at, "symbols: the list is empty");
    for (int i = 0; i < list->n; i++) {
        const int *elements = set->elements;
        if (elements[i] >= g->size)
            diag_error(d, at, "symbols: %d is no element of %s, which has %d", elements[i], name, g->size);
        ok &= elements[i] < g->size;
        for (int k = 0; k < i; k++)
            if (elements[k] == elements[i]) {
                diag_error(d, at, "symbols: %d stands there twice", elements[i]);
                ok = false;
            }
    }
    return ok;
}

bool group_set_open(group_set *set, const param_one_of *form, const group *g, const char *name, mark at, arena *a, diag *d)
{
    const int chosen = form->which == WORD ? *(const int *)form->value : -1;
    const bool points = form->which == MOVES || chosen == TRANSPOSITIONS;
    if (points && group_moved(g, 0) < 0) {
        diag_error(d, at, "symbols: %s is neither Sn nor An: its elements move no points", name);
        return false;
    }
    const bool made = form->which == ELEMENTS ? set_list(set, form->value, g, name, at, d)
                    : points ? set_moves(set, g, form->which == MOVES ? ((const moves *)form->value)->moves : 2, a)
                    : chosen == GENERATORS ? set_generators(set, g, a) : set_all(set, g);
    if (!made || !set->elements)
        return made;
    const int generated = count_generated(set, g, a);
    if (generated < g->size)
        diag_error(d, at, "symbols: their products are %d of the %d elements of %s; name the smaller group instead", generated,
                   g->size, name);
    return generated == g->size;
}
