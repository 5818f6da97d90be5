#include "base/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    char message[2000];
    const int n = snprintf(message, sizeof message / 2, "%s:%d: CHECK(%s) failed: ", file, line, condition);
    const size_t used = n < (int)sizeof message / 2 ? (size_t)n : sizeof message / 2 - 1;
    va_list values;
    va_start(values, format);
    vsnprintf(message + used, sizeof message - used, format, values);
    va_end(values);
    fprintf(stderr, "%s\n", message);           // in one piece: other processes write there too
    abort();
}
