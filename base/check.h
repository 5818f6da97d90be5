// Our own mistakes: CHECK stops the program, in every build, and says where and with which values.
#pragma once
#include <stddef.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

#define CHECK(condition, ...) \
    do { if (!(condition)) check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__); } while (0)

// Prints "file:line: CHECK(condition) failed: message" to standard error and aborts.
_Noreturn void check_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
