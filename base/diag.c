#include "base/diag.h"
#include "base/check.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTS = 1000 };            // more help nobody; a broken file must not take minutes to report

typedef struct report { mark at; char *text; } report;

struct diag {
    report *reports;                // in the order they came
    int     n, left_out;
};

static void *kept(void *memory)
{
    CHECK(memory, "no memory left for a message");
    return memory;
}

diag *diag_new(void) { return kept(calloc(1, sizeof(diag))); }

void diag_free(diag *d)
{
    if (!d) return;
    for (int i = 0; i < d->n; i++) {
        free((char *)d->reports[i].at.file);
        free(d->reports[i].text);
    }
    free(d->reports);
    free(d);
}

static int compare_text(const char *a, const char *b) { return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL); }

static int compare_places(mark a, mark b)
{
    const int file = compare_text(a.file, b.file);
    if (file) return file;
    return a.line != b.line ? (a.line < b.line ? -1 : 1) : (a.column > b.column) - (a.column < b.column);
}

void diag_error(diag *d, mark at, const char *format, ...)
{
    if (d->n == REPORTS) {
        d->left_out++;
        return;
    }
    char *text;
    va_list values;
    va_start(values, format);
    const int length = vasprintf(&text, format, values);
    va_end(values);
    CHECK(length >= 0, "no memory left for a message");
    for (char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c)) *c = ' ';       // the user's words: one line, no control of the terminal

    for (int i = 0; i < d->n; i++)
        if (!compare_places(d->reports[i].at, at) && !strcmp(d->reports[i].text, text)) {
            free(text);
            return;
        }
    if ((d->n & (d->n - 1)) == 0)                       // full at each power of two
        d->reports = kept(realloc(d->reports, (size_t)(d->n ? 2 * d->n : 1) * sizeof *d->reports));
    if (at.file) at.file = kept(strdup(at.file));
    d->reports[d->n++] = (report){ at, text };
}

int diag_errors(const diag *d) { return d->n + d->left_out; }

static int compare_reports(const void *a, const void *b)
{
    const report *const *x = a, *const *y = b;
    const int place = compare_places((*x)->at, (*y)->at);
    return place ? place : (*x > *y) - (*x < *y);       // the same place: in the order they came
}

void diag_print(const diag *d, FILE *out)
{
    const report **sorted = kept(malloc((size_t)(d->n + 1) * sizeof *sorted));
    for (int i = 0; i < d->n; i++) sorted[i] = &d->reports[i];
    qsort(sorted, (size_t)d->n, sizeof *sorted, compare_reports);
    for (int i = 0; i < d->n; i++) {
        const mark at = sorted[i]->at;
        if (at.file) fprintf(out, "%s:", at.file);
        if (at.file && at.line) fprintf(out, "%d:%d:", at.line, at.column);
        fprintf(out, "%serror: %s\n", at.file ? " " : "", sorted[i]->text);
    }
    if (d->left_out) fprintf(out, "error: and %d more\n", d->left_out);
    free(sorted);
}

// ---- suggestions

enum { LONGEST = 64 };

static char folded(char c) { return c == '-' ? '_' : (char)tolower((unsigned char)c); }     // D-Model is d_model

static int least(int a, int b) { return a < b ? a : b; }

// Damerau-Levenshtein with adjacent transpositions (optimal string alignment): rows i-2, i-1 and i of the table.
static int letters_wrong(const char *a, const char *b)
{
    int rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    const int m = (int)strlen(a), n = (int)strlen(b);
    for (int j = 0; j <= n; j++) last[j] = j;
    for (int i = 1; i <= m; i++) {
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            const char x = folded(a[i - 1]), y = folded(b[j - 1]);
            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2])) row[j] = least(row[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = last, last = row, row = free_row;
    }
    return last[n];
}

const char *diag_nearest(const char *word, const char *const *candidates, int n)
{
    const char *nearest = NULL;
    const size_t length = strlen(word);
    int fewest = LONGEST;
    for (int i = 0; i < n && length <= LONGEST; i++) {
        const size_t other = strlen(candidates[i]);
        if (other > LONGEST) continue;
        const int wrong = letters_wrong(word, candidates[i]);
        if (wrong >= fewest || 3 * wrong > (int)(length > other ? length : other)) continue;
        fewest = wrong;
        nearest = candidates[i];
    }
    return nearest;
}

bool error_set(error *e, const char *format, ...)
{
    if (!e || e->text[0]) return false;
    va_list values;
    va_start(values, format);
    vsnprintf(e->text, sizeof e->text, format, values);
    va_end(values);
    return false;
}
