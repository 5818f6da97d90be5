// Streams of pairs: take the keys and values apart where the tokens change halves, and remember what each key had.
#pragma once
#include <stdbool.h>
#include <string.h>

typedef struct pairs_facts { int vocabulary; bool only_last; } pairs_facts;

typedef struct motif { int from, to; } motif;       // tokens [from, to)

static inline bool is_key(const pairs_facts *f, int id)   { return id < f->vocabulary / 2; }
static inline bool is_value(const pairs_facts *f, int id) { return !is_key(f, id) && id < f->vocabulary; }

static inline bool same(const int *input, motif a, motif b)
{
    return a.to - a.from == b.to - b.from && !memcmp(input + a.from, input + b.from, (a.to - a.from) * sizeof *input);
}

static inline void solve_pairs(const void *facts, const int *input, int tokens, int *target)
{
    const pairs_facts *f = facts;
    motif key[4096], value[4096];
    int n = 0;
    for (int t = 0; t < tokens; t++)
        target[t] = -1;
    for (int t = 0; t < tokens;) {
        if (!is_key(f, input[t])) {
            t++;
            continue;
        }
        for (key[n].from = t; t < tokens && is_key(f, input[t]); t++) {}
        key[n].to = value[n].from = t;
        for (; t < tokens && is_value(f, input[t]); t++) {}
        value[n++].to = t;
    }
    for (int i = 0; i < n; i++) {
        int before = 0;
        while (!same(input, key[before], key[i]))
            before++;
        for (int k = value[before].from; before < i && k < value[before].to && (!f->only_last || i == n - 1); k++)
            target[key[i].to - 1 + k - value[before].from] = input[k];
    }
}
