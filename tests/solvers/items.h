// Copying: list what is neither blank nor mark, and read the list out at the marks.
#pragma once

static inline void solve_items(const void *facts, const int *input, int tokens, int *target)
{
    const int mark = *(const int *)facts;
    int list[4096], n = 0, read = 0;
    for (int t = 0; t < tokens; t++) {
        target[t] = -1;
        if (input[t] == mark)
            target[t] = list[read++];
        else if (input[t] != 0)
            list[n++] = input[t];
    }
}
