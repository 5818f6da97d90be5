#include "tests/solvers/pairs.h"
#include "tests/solvers/solver.h"

static const solver_case cases[] = {
    { "{ vocabulary: 8 }",                  15, &(const pairs_facts){ 8,  true } },
    { "{}",                                 16, &(const pairs_facts){ 20, true } },
    { "{ vocabulary: 9, asked: repeats }",  15, &(const pairs_facts){ 9,  false } },
};

const solver solver_associative_recall = { "associative-recall", cases, sizeof cases / sizeof *cases, solve_pairs };
