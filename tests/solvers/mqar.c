#include "tests/solvers/dictionary.h"
#include "tests/solvers/solver.h"

#define FACTS(...) &(const dictionary_facts){ .key_tokens = 1, __VA_ARGS__ }

// Random fill of few ids would write keys that look like queries and aren't; of a million it does not within the tests.
static const solver_case cases[] = {
    { "{ vocabulary: 12, pairs: 2, fill: blank }",                              16, FACTS(.items = 2) },
    { "{ vocabulary: 1000000, pairs: 3 }",                                      16, FACTS(.items = 3) },
    { "{ vocabulary: 32, pairs: 4, power: 1, fill: distinct }",                 20, FACTS(.items = 4) },
    { "{ vocabulary: 33, pairs_per_length: 0.25, fill: distinct }",             16, FACTS(.share = 0.25) },
    { "{ vocabulary: 64, fill: blank }",                                        32, FACTS(.share = 0.0625) },
    { "{ vocabulary: 40, pairs: 2, passes: 3, offset: 2, fill: distinct }",     24, FACTS(.items = 6) },
    { "{ vocabulary: 40, pairs: 2, fill: distinct, loss: all }",                16, FACTS(.items = 2, .next_token = true) },
};

const solver solver_mqar = { "mqar", cases, sizeof cases / sizeof *cases, solve_dictionary };
