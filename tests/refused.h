// A model's entry that must be refused, and with which words.
#pragma once
#include <stdio.h>
#include <string.h>
#include "harness/fixture.h"

static inline void refused(const char *entry, int inputs, int outputs, int64_t tokens, const char *message)
{
    fixture f = fixture_try(entry, inputs, outputs, tokens);
    char text[2048] = "";
    FILE *to = fmemopen(text, sizeof text, "w");
    diag_print(f.faults, to);
    fclose(to);
    if (f.network || !strstr(text, message))
        fail_msg("%s: expected '%s', got '%s'", entry, message, text);
    fixture_close(&f);
}
