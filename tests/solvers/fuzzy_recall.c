#include "tests/solvers/pairs.h"
#include "tests/solvers/solver.h"

static const solver_case cases[] = {
    { "{ vocabulary: 8, key_motif: 2, value_motif: 2 }",        24, &(const pairs_facts){ 8,  false } },
    { "{}",                                                     32, &(const pairs_facts){ 16, false } },
    { "{ vocabulary: 5, key_motif: 1, value_motif: 4 }",        24, &(const pairs_facts){ 5,  false } },
    { "{ vocabulary: 6, key_motif: 4, value_motif: 1, asked: last }", 24, &(const pairs_facts){ 6, true } },
};

const solver solver_fuzzy_recall = { "fuzzy-recall", cases, sizeof cases / sizeof *cases, solve_pairs };
