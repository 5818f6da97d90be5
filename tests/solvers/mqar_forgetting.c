#include "tests/solvers/dictionary.h"
#include "tests/solvers/solver.h"

#define FACTS(...) &(const dictionary_facts){ .key_tokens = 1, __VA_ARGS__ }

static const solver_case cases[] = {
    { "{ vocabulary: 16, pairs: 3, fill: blank }",                              20, FACTS(.items = 5) },
    { "{ vocabulary: 40, pairs: 4, changed: 1, fill: distinct, power: 1 }",     24, FACTS(.items = 8) },
    { "{ vocabulary: 40, pairs: 3, changed: 0.3, fill: distinct, passes: 2 }",  24, FACTS(.items = 8) },
};

const solver solver_mqar_forgetting = { "mqar-forgetting", cases, sizeof cases / sizeof *cases, solve_dictionary };
