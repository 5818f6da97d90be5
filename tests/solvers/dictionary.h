// Recall by dictionary: read the items of the context, later ones over earlier ones, then look every slot's key up.
#pragma once
#include <stdbool.h>
#include <string.h>

typedef struct dictionary_facts {
    int    key_tokens;
    int    items;           // of the context, all passes; 0: share · tokens, rounded down
    double share;
    bool   next_token;      // elsewhere the token that follows is the target
} dictionary_facts;

static inline void solve_dictionary(const void *facts, const int *input, int tokens, int *target)
{
    const dictionary_facts *f = facts;
    const int width = f->key_tokens + 1, items = f->items ? f->items : (int)(f->share * tokens);
    for (int t = 0; t < tokens; t++)
        target[t] = f->next_token && t + 1 < tokens ? input[t + 1] : -1;
    for (int t = items * width; t + width <= tokens; t += width) {
        int value = -1;
        for (int i = 0; i < items; i++)
            if (!memcmp(input + i * width, input + t, f->key_tokens * sizeof *input))
                value = input[i * width + f->key_tokens];
        if (value >= 0)
            target[t + f->key_tokens - 1] = value;
    }
}
