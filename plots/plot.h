// Error against length as a figure, through gnuplot. Every seed is a thin line, the median over seeds a bold one.
#pragma once
#include "results/summary.h"

typedef enum { PLOT_PNG, PLOT_SVG, PLOT_PDF, PLOT_TERM, PLOT_FORMATS } plot_format;     // TERM: characters, for a terminal
extern const char *const plot_format_names[PLOT_FORMATS + 1];           // "png", "svg", "pdf", "term", NULL
int plot_format_of(const char *path);                   // by the ending; −1: none of png, svg, pdf

// x: the evaluated lengths with a metric as y, or the positions of the longest evaluation with one of the last two.
typedef enum { PLOT_TOKEN_ERROR, PLOT_LAST_ERROR, PLOT_SEQUENCE_ERROR, PLOT_LOSS, PLOT_POSITION_ERROR, PLOT_PREFIX_ERROR,
    PLOT_YS } plot_y;
extern const char *const plot_y_names[PLOT_YS + 1];     // "token_error" … "position_error", "prefix_error", NULL

typedef struct plot_options {
    plot_y y;
    bool   log_x, log_y;
    int    width, height;               // PNG, SVG: pixels; PDF: points; TERM: characters. 0: what suits the format
} plot_options;

// Writes the file, or with path NULL prints to standard output (TERM). options NULL: token error, linear axes.
// False, with the reason: gnuplot is not installed or complained, nothing to draw, the disk is full.
bool plot_write(const summary *, const plot_options *, const char *path, plot_format, error *);
