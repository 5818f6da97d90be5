#include "tasks/regular.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/check.h"
#include "tasks/holdout.h"

const char *const regular_scored_words[] = { "all", "last", "mark", NULL };
const char *const regular_start_words[]  = { "none", "bos", NULL };

enum { PATHS = 256, GUESSES = 1 << 14, WORK = 1 << 24, SETTLED = 256 };
static const int window_lengths[4] = { 0, 1, 2, 4 };

static bool has_start(const regular *a) { return a->o.start; }
static bool has_mark(const regular *a)  { return a->o.scored == REGULAR_MARK; }

regular *regular_open(int states, int symbols, int outputs, const void *options, bool weighted, arena *memory)
{
    CHECK(states <= REGULAR_STATES && symbols <= REGULAR_SYMBOLS, "%d states, %d symbols", states, symbols);
    const size_t cells = (size_t)states * symbols;
    regular *a = arena_take(memory, sizeof *a);
    *a = (regular){ .symbols = symbols, .states = states, .outputs = outputs, .o = *(const regular_options *)options,
                    .least = 1, .step = 1, .next = arena_take(memory, cells * sizeof(int)),
                    .output = arena_take(memory, states * sizeof(int)),
                    .weight = weighted ? arena_zero(memory, cells * sizeof(double)) : NULL };
    memset(a->next, -1, cells * sizeof(int));
    for (int s = 0; s < states; s++)
        a->output[s] = TASK_IGNORE;
    return a;
}

void regular_link(regular *a, int state, int symbol, int next) { a->next[state * a->symbols + symbol] = next; }

static int follow(const regular *a, int state, int symbol) { return a->next[state * a->symbols + symbol]; }

// Share of a symbol among those drawn in this state.
static double share(const regular *a, int state, int symbol)
{
    if (follow(a, state, symbol) < 0)
        return 0;
    return a->weight ? a->weight[state * a->symbols + symbol] : 1.0 / a->n_allowed[state];
}

static void list_allowed(regular *a, arena *memory)
{
    a->allowed   = arena_take(memory, (size_t)a->states * a->symbols * sizeof(int));
    a->n_allowed = arena_zero(memory, a->states * sizeof(int));
    for (int s = 0; s < a->states; s++) {
        double sum = 0;
        for (int x = 0; x < a->symbols; x++)
            if (follow(a, s, x) >= 0)
                a->allowed[s * a->symbols + a->n_allowed[s]++] = x;
        for (int x = 0; x < a->symbols; x++)
            sum += share(a, s, x);
        CHECK(fabs(sum - 1) < 1e-9, "shares of state %d add up to %g", s, sum);
    }
}

// distribution of states [states] → that after one more symbol
static void spread(const regular *a, const double *from, double *to)
{
    memset(to, 0, a->states * sizeof *to);
    for (int s = 0; s < a->states; s++)
        for (int i = 0; i < a->n_allowed[s] && from[s] > 0; i++) {
            const int x = a->allowed[s * a->symbols + i];
            to[follow(a, s, x)] += from[s] * share(a, s, x);
        }
}

static bool is_total(const regular *a)
{
    bool total = true;
    for (int s = 0; s < a->states; s++)
        total &= a->n_allowed[s] == a->symbols;
    return total;
}

// Texts of n symbols, counted by their last state; the counts are scaled down as they grow.
static void count_paths(regular *a, arena *memory)
{
    double *now = arena_zero(memory, a->states * sizeof *now), *then = arena_take(memory, a->states * sizeof *then), scale = 0;
    a->paths = arena_zero(memory, (PATHS + 1) * sizeof *a->paths);
    now[a->first] = 1;
    for (int n = 1; n <= PATHS; n++) {
        double sum = 0;
        memset(then, 0, a->states * sizeof *then);
        for (int s = 0; s < a->states; s++)
            for (int i = 0; i < a->n_allowed[s] && now[s] > 0; i++)
                then[follow(a, s, a->allowed[s * a->symbols + i])] += now[s];
        for (int s = 0; s < a->states; s++)
            sum += then[s];
        for (int s = 0; s < a->states; s++)
            now[s] = then[s] / sum;
        scale += log2(sum);
        a->paths[n] = scale;
    }
}

// Fills guess for every text of `left` more symbols, `code` being the text so far and belief the states after it.
static void guess_texts(const regular *a, const double *belief, int left, int code, int *guess, arena *memory)
{
    if (!left) {
        double *score = arena_zero(memory, a->outputs * sizeof *score);
        for (int s = 0; s < a->states; s++)
            if (a->output[s] != TASK_IGNORE)
                score[a->output[s]] += belief[s];
        for (int y = guess[code] = 0; y < a->outputs; y++)
            guess[code] = score[y] > score[guess[code]] * (1 + 1e-9) ? y : guess[code];    // of equals the first
        return;
    }
    for (int x = 0; x < a->symbols; x++) {
        const arena_mark here = arena_save(memory);
        double *after = arena_zero(memory, a->states * sizeof *after);
        for (int s = 0; s < a->states; s++)
            if (belief[s] > 0 && follow(a, s, x) >= 0)
                after[follow(a, s, x)] += belief[s] * share(a, s, x);
        guess_texts(a, after, left - 1, code * a->symbols + x, guess, memory);
        arena_restore(memory, here);
    }
}

// The floors know how often a state is met far from the start, an average over SETTLED symbols, and the last few symbols.
static void make_guesses(regular *a, arena *memory)
{
    for (int w = 0, texts = 1, length = 0; w < (int)LEN(a->window); w++) {
        while (length < window_lengths[w] && texts * a->symbols <= GUESSES && (int64_t)texts * a->symbols * a->states <= WORK) {
            texts *= a->symbols;
            length++;
        }
        a->window[w] = length;
        a->guess[w]  = arena_take(memory, texts * sizeof(int));
    }
    const arena_mark here = arena_save(memory);
    const size_t bytes = a->states * sizeof(double);
    double *now = arena_zero(memory, bytes), *then = arena_take(memory, bytes), *met = arena_zero(memory, bytes);
    now[a->first] = 1;
    for (int t = 0; t < 2 * SETTLED; t++) {
        spread(a, now, then);
        memcpy(now, then, bytes);
        for (int s = 0; s < a->states && t >= SETTLED; s++)
            met[s] += now[s] / SETTLED;
    }
    for (int w = 0; w < (int)LEN(a->window); w++)
        guess_texts(a, met, a->window[w], 0, a->guess[w], memory);
    arena_restore(memory, here);
}

// The automaton without what is held out; the symbols that are left share as before.
static regular *without_held(const regular *a, arena *memory)
{
    const size_t cells = (size_t)a->states * a->symbols;
    regular *t = arena_take(memory, sizeof *t);
    *t = *a;
    t->next = arena_take(memory, cells * sizeof *t->next);
    t->weight = a->weight ? arena_zero(memory, cells * sizeof *t->weight) : NULL;
    for (int s = 0; s < a->states; s++) {
        double left = 0;
        for (int i = s * a->symbols; i < (s + 1) * a->symbols; i++) {
            t->next[i] = a->held[i] ? -1 : a->next[i];
            left += a->weight && !a->held[i] ? a->weight[i] : 0;
        }
        for (int i = s * a->symbols; a->weight && i < (s + 1) * a->symbols; i++)
            t->weight[i] = t->next[i] < 0 ? 0 : a->weight[i] / left;
    }
    list_allowed(t, memory);
    count_paths(t, memory);
    return t;
}

// What is never drawn is no transition. A forced symbol is the only way to where it leads, so that it stays.
static bool hold_out(regular *a, double part, arena *memory, mark at, diag *d)
{
    if (part == 0)
        return true;
    const int64_t cells = (int64_t)a->states * a->symbols;
    if (cells > HOLDOUT_PAIRS) {
        diag_error(d, at, "holdout_transitions: %d states and %d symbols make more than %d pairs", a->states, a->symbols,
                   HOLDOUT_PAIRS);
        return false;
    }
    int *next = arena_take(memory, cells * sizeof *next);
    for (int s = 0; s < a->states; s++)
        for (int x = 0; x < a->symbols; x++)
            next[s * a->symbols + x] = share(a, s, x) > 0 ? follow(a, s, x) : -1;
    const transitions all = { a->states, a->symbols, a->first, next, NULL };
    a->held = holdout_choose(&all, part, memory, at, d);
    a->trained = a->held ? without_held(a, memory) : NULL;
    return a->held;
}

bool regular_close(regular *a, arena *memory, mark at, diag *d)
{
    list_allowed(a, memory);
    if (!is_total(a))
        count_paths(a, memory);
    make_guesses(a, memory);
    return hold_out(a, a->o.holdout_transitions, memory, at, d);
}

const void *regular_trained(const void *self) { return ((const regular *)self)->trained; }

int regular_held_out(const void *self, const int *input, int tokens, bool *taken)
{
    const regular *a = self;
    int state = a->first, read = 0;
    for (int t = 0; t < tokens; t++) {
        const bool symbol = input[t] < a->symbols;
        taken[t] = symbol && a->held[state * a->symbols + input[t]];
        state = symbol ? follow(a, state, input[t]) : state;
        read += symbol;
    }
    return read;
}

int regular_mark_id(const regular *a) { return a->symbols + has_start(a); }

task_size regular_size(const void *self)
{
    const regular *a = self;
    return (task_size){ .input = a->symbols + has_start(a) + has_mark(a), .output = a->outputs };
}

bool regular_fits(const void *self, int length, char *why, size_t room)
{
    const regular *a = self;
    if (length < a->least)
        snprintf(why, room, "length %d is below %d", length, a->least);
    else if ((length - a->least) % a->step)
        snprintf(why, room, "length %d is not %s", length, a->least % 2 ? "odd" : "even");
    else
        return true;
    return false;
}

int regular_tokens(const void *self, int length)
{
    const regular *a = self;
    return length + has_start(a) + has_mark(a);
}

// A forced symbol and what follows it say nothing new.
double regular_space(const void *self, int length)
{
    const regular *a = self;
    const int free = length - a->forced_back;
    if (!a->paths)
        return free * log2(a->symbols);
    const double growth = (a->paths[PATHS] - a->paths[PATHS / 2]) / (PATHS / 2);
    return free <= PATHS ? a->paths[free] : a->paths[PATHS] + (free - PATHS) * growth;
}

bool regular_prefixes(const void *self)
{
    const regular *a = self;
    return a->o.scored == REGULAR_ALL && !a->forced_back;
}

static int draw_symbol(const regular *a, int state, rng *r)
{
    const int *allowed = a->allowed + state * a->symbols, n = a->n_allowed[state];
    if (!a->weight)
        return n > 1 ? allowed[rng_below(r, n)] : allowed[0];
    double u = n > 1 ? rng_unit(r) : 0;
    int i = 0;
    while (i < n - 1 && (u -= share(a, state, allowed[i])) >= 0)
        i++;
    return allowed[i];
}

void regular_example(const void *self, int length, rng *r, int *input, int *target)
{
    const regular *a = self;
    int state = a->first;
    if (has_start(a)) {
        *input++  = a->symbols;
        *target++ = TASK_IGNORE;
    }
    for (int t = 0; t < length; t++) {
        const bool forced = a->forced_back && t == length - a->forced_back;
        input[t]  = forced ? a->forced : draw_symbol(a, state, r);
        state     = follow(a, state, input[t]);
        const bool asked = a->o.scored == REGULAR_ALL || (a->o.scored == REGULAR_LAST && t == length - 1);
        target[t] = asked ? a->output[state] : TASK_IGNORE;
    }
    if (has_mark(a)) {
        input[length]  = regular_mark_id(a);
        target[length] = a->output[state];
    }
}

const char *regular_symbol(const void *self, int id, arena *memory)
{
    const regular *a = self;
    return id < a->symbols ? a->names[id] : has_start(a) && id == a->symbols ? "bos" : "=";
}

// From the start while the window reaches it, then by the window alone. A mark asks for the state before it.
static void by_window(const void *self, const int *input, int tokens, int *output, int w)
{
    const regular *a = self;
    const int window = a->window[w], start = has_start(a);
    int texts = 1, state = a->first, code = 0;
    for (int i = 0; i < window; i++)
        texts *= a->symbols;
    for (int t = 0; t < tokens; t++) {
        if (input[t] < a->symbols) {
            code  = (code * a->symbols + input[t]) % texts;
            state = t - start < window ? follow(a, state, input[t]) : state;
        }
        const int read = t - start + (input[t] < a->symbols);
        const int known = read <= window ? a->output[state] : a->guess[w][code];
        output[t] = known == TASK_IGNORE ? 0 : known;
    }
}

static void last_0(const void *self, const int *input, int n, int *output) { by_window(self, input, n, output, 0); }
static void last_1(const void *self, const int *input, int n, int *output) { by_window(self, input, n, output, 1); }
static void last_2(const void *self, const int *input, int n, int *output) { by_window(self, input, n, output, 2); }
static void last_4(const void *self, const int *input, int n, int *output) { by_window(self, input, n, output, 3); }

const task_floor regular_floors[] = {
    { "most-frequent",  "the likeliest answer far from the start",                                     last_0 },
    { "last-symbol",    "the likeliest answer after the last symbol",                                  last_1 },
    { "last-2-symbols", "the likeliest answer after the last two symbols",                             last_2 },
    { "last-4-symbols", "the likeliest answer after the last four symbols, fewer where there are many kinds", last_4 },
    {0}
};
