#include "tasks/stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/check.h"

const char *const stream_asked_words[] = { "repeats", "last", NULL };

enum { MOST_PAIRS = 4096 };

// A pair as its tokens; motifs are compared as a whole, −1 behind their end.
typedef struct pair { int key[STREAM_MOTIF], value[STREAM_MOTIF], key_tokens, value_tokens; } pair;

static int key_count(const stream_task *s)   { return s->vocabulary / 2; }
static int value_count(const stream_task *s) { return s->vocabulary - s->vocabulary / 2; }
static int padding(const stream_task *s)     { return s->vocabulary + s->noise_vocabulary; }

task_size stream_size(const void *self)
{
    const stream_task *s = self;
    const bool pads = s->key_motif > 1 || s->value_motif > 1;
    return (task_size){ .input = padding(s) + pads, .output = s->vocabulary };
}

int stream_tokens(const void *self, int length) { return length; }
bool stream_prefixes(const void *self)          { return false; }

bool stream_fits(const void *self, int length, char *why, size_t room)
{
    const stream_task *s = self;
    const int pair_tokens = s->key_motif + s->value_motif, least = 2 * pair_tokens - 1, most = 2 * MOST_PAIRS;
    if (length < least)
        snprintf(why, room, "length %d is below %d: a pair of %d tokens and a query", length, least, pair_tokens);
    else if (length > most)
        snprintf(why, room, "length %d is above %d", length, most);
    return length >= least && length <= most;
}

// An estimate: what the stream's draws say, and a value for as many keys as are expected to come.
double stream_space(const void *self, int length)
{
    const stream_task *s = self;
    const double item = (1 - s->noise) * ((s->key_motif + 1) / 2.0 + (s->value_motif + 1) / 2.0) + 2 * s->noise;
    const double items = (length + 1 - s->key_motif - s->value_motif) / item, pairs = 1 + (items - 1) * (1 - s->noise);
    const double keys = pow(key_count(s), s->key_motif), expected = -keys * expm1(-pairs / keys);
    const double value_bits = s->value_motif * log2(value_count(s)),
    noise_bits = s->noise_vocabulary ? 2 * log2(s->noise_vocabulary) : 0;
    return pairs * log2(keys) + expected * value_bits + (items - pairs) * noise_bits;
}

static void draw_motif(rng *r, int from, int count, int tokens, int *motif)
{
    for (int i = 0; i < STREAM_MOTIF; i++)
        motif[i] = i < tokens ? from + (int)rng_below(r, count) : -1;
}

// One to `longest` tokens, each as likely. Where there is no choice nothing is drawn.
static int draw_tokens(rng *r, int longest) { return longest > 1 ? 1 + (int)rng_below(r, longest) : 1; }

// Index of a key of `tokens` tokens among the n seen ones; a fresh one is put behind them with a value of its own.
static int draw_pair(const stream_task *s, rng *r, int tokens, pair *seen, int *n)
{
    pair *fresh = &seen[*n];
    fresh->key_tokens = tokens;
    draw_motif(r, 0, key_count(s), tokens, fresh->key);
    for (int i = 0; i < *n; i++)
        if (!memcmp(seen[i].key, fresh->key, sizeof fresh->key))
            return i;
    fresh->value_tokens = draw_tokens(r, s->value_motif);
    draw_motif(r, key_count(s), value_count(s), fresh->value_tokens, fresh->value);
    return (*n)++;
}

// Tokens written; the last may be one behind the end: it's asked before it, and left out.
static int write_pair(const pair *p, bool asked, int at, int length, int *input, int *target)
{
    for (int i = 0; i < p->key_tokens; i++)
        input[at + i] = p->key[i];
    at += p->key_tokens;
    for (int i = 0; i < p->value_tokens; i++) {
        if (asked)
            target[at + i - 1] = p->value[i];
        if (at + i < length)
            input[at + i] = p->value[i];
    }
    return p->key_tokens + p->value_tokens;
}

void stream_example(const void *self, int length, rng *r, int *input, int *target)
{
    const stream_task *s = self;
    const int longest = s->key_motif + s->value_motif;
    pair seen[MOST_PAIRS + 1];
    int n = 0, at = 0;
    for (int t = 0; t < length; t++) {
        input[t]  = padding(s);
        target[t] = TASK_IGNORE;
    }
    while (at + 2 * longest <= length + 1 || at == 0) {
        if (at > 0 && s->noise > 0 && rng_unit(r) < s->noise) {
            for (int i = 0; i < 2; i++)
                input[at++] = s->vocabulary + (int)rng_below(r, s->noise_vocabulary);
            continue;
        }
        const int before = n, tokens = at ? draw_tokens(r, s->key_motif) : s->key_motif;
        const int drawn = draw_pair(s, r, tokens, seen, &n);
        at += write_pair(&seen[drawn], drawn < before && s->asked == ASKED_REPEATS, at, length, input, target);
    }
    int asked[MOST_PAIRS], m = 0;                       // the seen keys of the longest motif
    for (int i = 0; i < n; i++)
        if (seen[i].key_tokens == s->key_motif)
            asked[m++] = i;
    write_pair(&seen[asked[rng_below(r, m)]], true, at, length, input, target);
}

const char *stream_symbol(const void *self, int id, arena *a)
{
    const stream_task *s = self;
    const struct { const char *letter; int from; } kinds[] = {
        { "k", 0 }, { "v", key_count(s) }, { "n", s->vocabulary } };
    if (id == padding(s))
        return "pad";
    int kind = 0;
    while (kind + 1 < (int)LEN(kinds) && id >= kinds[kind + 1].from)
        kind++;
    return arena_text(a, "%s%d", kinds[kind].letter, id - kinds[kind].from);
}

static bool is_value(const stream_task *s, int id) { return id >= key_count(s) && id < s->vocabulary; }

void stream_latest_value(const void *self, const int *input, int tokens, int *output)
{
    const stream_task *s = self;
    for (int t = 0, latest = key_count(s); t < tokens; t++) {
        latest = is_value(s, input[t]) ? input[t] : latest;
        output[t] = latest;
    }
}

void stream_frequent_value(const void *self, const int *input, int tokens, int *output)
{
    const stream_task *s = self;
    int count[STREAM_VOCABULARY] = {0}, best = key_count(s);
    for (int t = 0; t < tokens; t++) {
        if (is_value(s, input[t]) && ++count[input[t]] >= count[best])
            best = input[t];
        output[t] = best;
    }
}

void stream_after_token(const void *self, const int *input, int tokens, int *output)
{
    const stream_task *s = self;
    int next[STREAM_VOCABULARY];                        // the token that followed last time
    for (int id = 0; id < s->vocabulary; id++)
        next[id] = key_count(s);
    for (int t = 0; t < tokens; t++) {
        if (t > 0 && input[t] < s->vocabulary && input[t - 1] < s->vocabulary)
            next[input[t - 1]] = input[t];
        output[t] = input[t] < s->vocabulary ? next[input[t]] : key_count(s);
    }
}
