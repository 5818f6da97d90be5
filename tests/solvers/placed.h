// Which symbols of a regular task are asked: its answers, one a symbol, put where the targets are expected.
#pragma once
#include <stdbool.h>

typedef enum { EVERY, ONLY_LAST, AT_MARK } asked;
typedef struct placing { bool bos; asked asked; } placing;

// The symbols among the tokens, and their number.
static inline const int *placed_symbols(const placing *p, const int *input, int tokens, int *n)
{
    *n = tokens - p->bos - (p->asked == AT_MARK);
    return input + p->bos;
}

// answer[k] after symbol k; −1 where there is none.
static inline void place(const placing *p, const int *answer, int n, int tokens, int *target)
{
    for (int t = 0; t < tokens; t++)
        target[t] = -1;
    for (int k = 0; k < n; k++)
        if (p->asked == EVERY || (p->asked == ONLY_LAST && k == n - 1))
            target[k + p->bos] = answer[k];
    if (p->asked == AT_MARK)
        target[tokens - 1] = answer[n - 1];
}
