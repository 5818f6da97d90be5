#include "tasks/recall.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const recall_fill_words[] = { "random", "blank", "distinct", NULL };
const char *const recall_loss_words[] = { "answers", "all", NULL };

enum { BLANK = 0 };

// What a length makes of the options.
typedef struct layout {
    int pairs, changed, items;      // items of one pass: pairs + changed
    int width;                      // tokens of an item or slot: key and value
    int start, slots;               // the query area's first token; slots that it has
} layout;

static int square_root(int n) { return (int)floor(sqrt(n) + 1e-9); }

static layout lay_out(const recall *m, int length)
{
    layout l = { .width = m->parts + 1 };
    const double share = isnan(m->o.pairs_per_length) ? 1.0 / 16 : m->o.pairs_per_length;
    l.pairs = m->o.pairs != AUTO_INT ? m->o.pairs : (int)floor(share * length + 1e-9);
    if (m->o.pairs == AUTO_INT && m->parts == 2)
        l.pairs = square_root(l.pairs) * square_root(l.pairs);
    l.changed = (int)ceil(m->changed * l.pairs - 1e-9);
    l.items = l.pairs + l.changed;
    l.start = l.width * l.items * m->o.passes;
    l.slots = (length - l.start) / l.width;
    return l;
}

bool recall_check(const void *options, mark at, diag *d)
{
    const recall_options *o = options;
    const bool both = o->pairs != AUTO_INT && !isnan(o->pairs_per_length);
    if (both)
        diag_error(d, at, "pairs: %d and pairs_per_length: %g are two ways to say it; give one", o->pairs, o->pairs_per_length);
    return !both;
}

recall *recall_open(const void *options, int parts, double changed, arena *a)
{
    recall *m = arena_take(a, sizeof *m);
    *m = (recall){ .o = *(const recall_options *)options, .parts = parts, .changed = changed };
    const int V = m->o.vocabulary, share = V / (parts + 1);         // the last part, the values, takes what is left over
    m->key[0] = (range){ 1, share - 1 };
    m->key[1] = (range){ share, share };
    m->value  = (range){ parts * share, V - parts * share };
    m->sums = draw_power_sums(m->o.power, DRAW_SLOTS, a);
    return m;
}

task_size recall_size(const void *self)
{
    const recall *m = self;
    return (task_size){ m->o.vocabulary, m->o.vocabulary };
}

int  recall_tokens(const void *self, int length) { return length; }
bool recall_prefixes(const void *self)           { return false; }

// Distinct ids of the first range that one example takes: of key parts, one each; of whole keys, all of them.
static int side(const recall *m, const layout *l) { return m->parts == 2 ? square_root(l->pairs) : l->pairs; }

static bool fits_vocabulary(const recall *m, const layout *l, char *why, size_t room)
{
    const int keys = side(m, l);
    const char *what = m->parts == 2 ? "first key parts" : "keys";
    if (keys > m->key[0].count)
        snprintf(why, room, "pairs: %d takes %d %s, vocabulary: %d has %d", l->pairs, keys, what, m->o.vocabulary,
                 m->key[0].count);
    else if (l->items > m->value.count)
        snprintf(why, room, "pairs: %d takes %d values, vocabulary: %d has %d", l->pairs, l->items, m->o.vocabulary,
                 m->value.count);
    else
        return true;
    return false;
}

bool recall_fits(const void *self, int length, char *why, size_t room)
{
    const recall *m = self;
    const layout l = lay_out(m, length);
    const int needed = l.start + l.width * (l.pairs + m->o.offset);
    if (length < 1 || length % l.width)
        snprintf(why, room, "length %d is not a positive multiple of %d, the tokens of a slot", length, l.width);
    else if (l.pairs < 1)
        snprintf(why, room, "length %d is too short for a pair", length);
    else if (l.pairs > DRAW_MOST || l.slots > DRAW_SLOTS)
        snprintf(why, room, "length %d makes %d pairs and %d slots; %d and %d are the most", length, l.pairs, l.slots, DRAW_MOST,
                 DRAW_SLOTS);
    else if (m->parts == 2 && square_root(l.pairs) * square_root(l.pairs) != l.pairs)
        snprintf(why, room, "pairs: %d is not a square", l.pairs);
    else if (needed > length)
        snprintf(why, room,
                 "pairs: %d, passes: %d, offset: %d need a length of at least %d, not %d: %d tokens of context, %d slots of %d",
                 l.pairs, m->o.passes, m->o.offset, needed, length, l.start, l.pairs + m->o.offset, l.width);
    else
        return fits_vocabulary(m, &l, why, room);
    return false;
}

// log2 of n·(n−1)·… with k factors
static double log2_choices(int n, int k)
{
    double sum = 0;
    for (int i = 0; i < k; i++)
        sum += log2(n - i);
    return sum;
}

// Keys, values, slots and fill. Of grids and changed keys an order is counted that doesn't show in the context, and one that
// shows is not: factors that don't matter beside the rest.
double recall_space(const void *self, int length)
{
    const recall *m = self;
    const layout l = lay_out(m, length);
    double bits = log2_choices(m->value.count, l.items) + log2_choices(l.slots - m->o.offset, l.pairs);
    for (int part = 0; part < m->parts; part++)
        bits += log2_choices(m->key[part].count, side(m, &l));
    const int free = length - l.start - m->parts * l.pairs;
    const int ids = m->o.vocabulary - (m->o.fill == FILL_DISTINCT ? m->parts * side(m, &l) : 0);
    return bits + (m->o.fill == FILL_BLANK ? 0 : free * log2(ids));
}

// The keys that one example has, and what it says of them.
typedef struct book {
    int key[2][DRAW_MOST], value[2 * DRAW_MOST];    // of pairs
    int order[2 * DRAW_MOST];                       // the pair that item i of the context is about
    int asked[DRAW_MOST];                           // pairs in the order in which they get their slots
    number_set keys;
} book;

static void draw_keys(const recall *m, const layout *l, rng *r, book *b)
{
    const int n = side(m, l);
    draw_distinct(r, &b->keys, m->key[0].from, m->key[0].count, n, b->key[0]);
    if (m->parts == 1)
        return;
    int first[DRAW_MOST], second[DRAW_MOST];
    number_set seconds;
    draw_distinct(r, &seconds, m->key[1].from, m->key[1].count, n, second);
    memcpy(first, b->key[0], n * sizeof *first);
    for (int p = 0; p < l->pairs; p++) {
        b->key[0][p] = first[p / n];
        b->key[1][p] = second[p % n];
    }
    set_clear(&b->keys, 2 * n);
    for (int i = 0; i < n; i++) {
        set_add(&b->keys, first[i]);
        set_add(&b->keys, second[i]);
    }
}

// In plain mqar item i is about pair i: the keys' own order is as good as any. Pairs 0 … changed − 1 come twice, the second
// time with the value that lies `pairs` further on.
static void write_context(const recall *m, const layout *l, rng *r, book *b, int *input)
{
    int times[DRAW_MOST] = {0};
    for (int i = 0; i < l->items; i++)
        b->order[i] = i < l->pairs ? i : i - l->pairs;
    if (m->parts == 2 || l->changed)
        draw_shuffle(r, b->order, l->items);
    for (int i = 0, n = 0, *to = input; i < l->items; i++) {
        const int p = b->order[i];
        if (!times[p])
            b->asked[n++] = p;
        for (int part = 0; part < m->parts; part++)
            *to++ = b->key[part][p];
        *to++ = b->value[p + l->pairs * times[p]++];
    }
    if (l->changed)                         // the first item of two comes early: its key must not be asked early too
        draw_shuffle(r, b->asked, l->pairs);
    for (int pass = 1; pass < m->o.passes; pass++)
        memcpy(input + pass * l->width * l->items, input, l->width * l->items * sizeof *input);
}

static void write_queries(const recall *m, const layout *l, rng *r, const book *b, int *input, int *target)
{
    int slot[DRAW_MOST];
    draw_slots(r, m->sums, m->o.offset + 1, l->slots, l->pairs, slot);
    for (int j = 0; j < l->pairs; j++) {
        const int p = b->asked[j], at = l->start + l->width * (slot[j] - 1);
        for (int part = 0; part < m->parts; part++)
            input[at + part] = b->key[part][p];
        target[at + m->parts - 1] = b->value[p < l->changed ? l->pairs + p : p];
    }
}

static void write_fill(const recall *m, rng *r, const book *b, int *input, int from, int to)
{
    for (int t = from; t < to; t++) {
        if (input[t] != BLANK)
            continue;
        do
            input[t] = (int)rng_below(r, m->o.vocabulary);
        while (m->o.fill == FILL_DISTINCT && set_has(&b->keys, input[t]));
    }
}

void recall_example(const void *self, int length, rng *r, int *input, int *target)
{
    const recall *m = self;
    const layout l = lay_out(m, length);
    number_set values;
    book b;
    for (int t = 0; t < length; t++) {
        input[t]  = BLANK;
        target[t] = TASK_IGNORE;
    }
    draw_keys(m, &l, r, &b);
    draw_distinct(r, &values, m->value.from, m->value.count, l.items, b.value);
    write_context(m, &l, r, &b, input);
    write_queries(m, &l, r, &b, input, target);
    if (m->o.fill != FILL_BLANK)
        write_fill(m, r, &b, input, l.start, length);
    for (int t = 0; m->o.loss == LOSS_ALL && t < length - 1; t++)
        if (target[t] == TASK_IGNORE)
            target[t] = input[t + 1];
}

// Floors. They see the tokens alone: a query is the first slot that begins with a key of the context.

void recall_some_value(const void *self, const int *input, int tokens, int *output)
{
    const recall *m = self;
    for (int t = 0; t < tokens; t++)
        output[t] = input[m->parts];
}

// The first item of the context whose first `parts` key tokens stand at `query`, seen from the front or from the back; or −1.
static int find_item(const layout *l, const int *input, const int *query, int parts, bool backwards)
{
    for (int k = 0; k < l->items; k++) {
        const int i = backwards ? l->items - 1 - k : k;
        if (!memcmp(input + i * l->width, query, parts * sizeof *query))
            return i;
    }
    return -1;
}

static void by_item(const void *self, const int *input, int tokens, int *output, int parts, bool backwards)
{
    const recall *m = self;
    const layout l = lay_out(m, tokens);
    recall_some_value(self, input, tokens, output);
    for (int t = l.start; t + m->parts <= tokens; t += l.width) {
        const int item = find_item(&l, input, input + t, parts, backwards);
        if (item >= 0)
            output[t + m->parts - 1] = input[item * l.width + m->parts];
    }
}

void recall_first_seen(const void *self, const int *input, int tokens, int *output)
{
    by_item(self, input, tokens, output, ((const recall *)self)->parts, false);
}

void recall_first_part(const void *self, const int *input, int tokens, int *output)
{
    by_item(self, input, tokens, output, 1, true);
}

void recall_in_order(const void *self, const int *input, int tokens, int *output)
{
    const recall *m = self;
    const layout l = lay_out(m, tokens);
    bool asked[2 * DRAW_MOST] = {0};
    recall_some_value(self, input, tokens, output);
    for (int t = l.start, queries = 0; t + m->parts <= tokens && queries < l.items; t += l.width) {
        const int item = find_item(&l, input, input + t, m->parts, false);
        if (item < 0 || asked[item])
            continue;
        asked[item] = true;
        output[t + m->parts - 1] = input[queries++ * l.width + m->parts];
    }
}
