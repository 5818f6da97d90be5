// Every weight that an architecture declares, as Markdown: name, shape in terms of the options, kind, decay, and which option
// brings it. docs/weights.md ends with it.
#pragma once
#include "architectures/architecture.h"

void weights_list_print(const object *architecture, FILE *, arena *);
