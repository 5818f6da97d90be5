// NAME key=value … on a command line: one entry of a family (a model, a task), written without YAML's punctuation.
#pragma once
#include "base/yaml.h"

// words[0] is the name, the others are key=value; a key may be a path, init.matrices=0.1. NULL after a report.
const yaml *arguments_object(const char *const *words, int n, arena *, diag *);
