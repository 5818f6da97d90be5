// Two kinds of trouble that are not our mistake. The user's: a diag collects every fault of an input with its place and
// prints them all, in the order of the file. The world's (a full disk, a missing file): an error keeps the first reason.
#pragma once
#include <stdbool.h>
#include <stdio.h>

typedef struct mark { const char *file; int line, column; } mark;     // 1-based; line 0: the file as a whole; file NULL: nowhere

typedef struct diag diag;
diag *diag_new(void);
void  diag_free(diag *);
void  diag_error(diag *, mark at, const char *format, ...) __attribute__((format(printf, 3, 4)));   // equal reports count once
int   diag_errors(const diag *);
void  diag_print(const diag *, FILE *);                               // "file:line:col: error: message", a line each

// The candidate nearest to a misspelt word (Damerau-Levenshtein, at most a third of its letters wrong), or NULL.
const char *diag_nearest(const char *word, const char *const *candidates, int n);

typedef struct error { char text[768]; } error;                       // text[0] == 0: none yet
bool error_set(error *, const char *format, ...) __attribute__((format(printf, 2, 3)));      // keeps the first; always false
