// Rows and columns of text, laid out for a terminal, as Markdown, CSV or LaTeX.
#pragma once
#include <stdio.h>
#include "base/arena.h"

typedef enum { TABLE_TEXT, TABLE_MARKDOWN, TABLE_CSV, TABLE_TEX, TABLE_FORMATS } table_format;
extern const char *const table_format_names[TABLE_FORMATS + 1];         // "text", "md", "csv", "tex", NULL

// A row is a heading (the first), or cells. Texts are borrowed.
// cell [rows, columns], left [columns]
typedef struct grid { int columns, rows, room; const char **cell; bool *left; arena *arena; } grid;
grid *grid_new(int columns, arena *);
void  grid_column(grid *, int column, const char *heading, bool left);  // numbers stand on the right, words on the left
const char **grid_row(grid *);                          // a new row, all ""; valid until the next one
void  grid_print(FILE *, const grid *, table_format, bool colour);      // colour: a bold heading in text

void put_field(FILE *, const char *, table_format);     // one cell with the format's own characters escaped
int  text_width(const char *utf8);                      // columns of a terminal: combining marks 0, East Asian wide ones 2
