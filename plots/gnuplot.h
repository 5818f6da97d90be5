// One gnuplot process: a script in, a picture out. gnuplot ends with status 0 on much that goes wrong, so its complaints
// and the picture's end are looked at too, and the picture never touches the disk on the way.
#pragma once
#include "base/arena.h"
#include "base/diag.h"

// The picture in the arena, NUL-terminated; NULL with the reason. `end` is what a complete one must end with (white space apart).
char *gnuplot_run(const char *script, const char *end, size_t *bytes, arena *, error *);

void gnuplot_trim(char *text);          // a terminal's picture, in place: no blank lines, no blanks at line ends
