// Flip-flop: carry out the instructions one by one.
#include <stdbool.h>
#include "tests/solvers/solver.h"

static void solve(const void *facts, const int *input, int tokens, int *target)
{
    const bool bos = *(const bool *)facts;
    int memory = -1;
    for (int t = 0; t < tokens; t++)
        target[t] = -1;
    for (int t = bos; t + 1 < tokens; t += 2) {
        const char instruction = "01wir"[input[t]];
        if (instruction == 'w')
            memory = input[t + 1];
        else if (instruction == 'r')
            target[t] = memory;
    }
}

static const solver_case cases[] = {
    { "{ ignore: 0.5 }",       24, &(const bool){ false } },
    { "{}",                    40, &(const bool){ false } },
    { "{ start: bos, ignore: 0 }", 24, &(const bool){ true } },
};

const solver solver_flip_flop = { "flip-flop", cases, sizeof cases / sizeof *cases, solve };
