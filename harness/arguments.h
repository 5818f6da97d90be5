// NAME key=value … on a command line: one entry of a family (a model, a task), written without YAML's punctuation.
#pragma once
#include "base/yaml.h"
#include "tasks/task.h"

// words[0] is the name, the others are key=value; a key may be a path, init.matrices=0.1. NULL after a report.
const yaml *arguments_object(const char *const *words, int n, arena *, diag *);

// TASK key=value …: the keys are the task's options, and `length` (by default that of its worked example), which must fit.
bool arguments_dataset(const char *const *words, int n, dataset *, param_object *, int *length, int seed, arena *, diag *);
