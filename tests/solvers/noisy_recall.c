#include "tests/solvers/pairs.h"
#include "tests/solvers/solver.h"

static const solver_case cases[] = {
    { "{ vocabulary: 8, noise: 0.4, noise_vocabulary: 4 }",     16, &(const pairs_facts){ 8,  false } },
    { "{}",                                                     20, &(const pairs_facts){ 16, false } },
    { "{ noise: 0.8, asked: last }",                            21, &(const pairs_facts){ 16, true } },
    { "{ noise: 0 }",                                           20, &(const pairs_facts){ 16, false } },
};

const solver solver_noisy_recall = { "noisy-recall", cases, sizeof cases / sizeof *cases, solve_pairs };
