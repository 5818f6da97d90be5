#include "tests/solvers/dictionary.h"
#include "tests/solvers/solver.h"

#define FACTS(...) &(const dictionary_facts){ .key_tokens = 2, __VA_ARGS__ }

static const solver_case cases[] = {
    { "{ vocabulary: 18, pairs: 4, fill: blank }",                  27, FACTS(.items = 4) },
    { "{ vocabulary: 30, pairs: 1, fill: distinct, offset: 1 }",    18, FACTS(.items = 1) },
    { "{ vocabulary: 60, pairs: 4, power: 1, fill: distinct }",     36, FACTS(.items = 4) },
};

const solver solver_mqar_compositional = { "mqar-compositional", cases, sizeof cases / sizeof *cases, solve_dictionary };
