// Error against length as a figure, through gnuplot. Every seed is a thin line, the median over seeds a bold one.
#pragma once
#include "results/summary.h"

typedef enum { PLOT_PNG, PLOT_SVG, PLOT_PDF, PLOT_TERM, PLOT_FORMATS } plot_format;     // TERM: characters, for a terminal
extern const char *const plot_format_names[PLOT_FORMATS + 1];           // "png", "svg", "pdf", "term", NULL
int plot_format_of(const char *path);                   // by the ending; −1: none of png, svg, pdf

// The last two have the positions of the longest evaluation as x, whatever plot_x says.
typedef enum { PLOT_TOKEN_ERROR, PLOT_LAST_ERROR, PLOT_SEQUENCE_ERROR, PLOT_LOSS, PLOT_POSITION_ERROR, PLOT_PREFIX_ERROR,
    PLOT_YS } plot_y;
extern const char *const plot_y_names[PLOT_YS + 1];     // "token_error" … "position_error", "prefix_error", NULL

// LENGTH: the evaluated lengths. SLICE: the evaluation's slices, by name, in their order. TRAINED: the trained length, at which
// each point is evaluated too; a model's grid points become one curve.
typedef enum { PLOT_LENGTH, PLOT_SLICE, PLOT_TRAINED, PLOT_XS } plot_x;
extern const char *const plot_x_names[PLOT_XS + 1];     // "length", "slice", "trained", NULL

// GRID: a panel for every combination of the grid's values, but for paths of one model (models.LABEL.option), of which each value
// is a curve. AUTO: the same if these are at most twelve, else NONE: one panel in which every grid point is a curve.
typedef enum { PANELS_AUTO, PANELS_GRID, PANELS_NONE, PLOT_PANELS } plot_panels;
extern const char *const plot_panels_names[PLOT_PANELS + 1];            // "auto", "grid", "none", NULL

typedef struct plot_options {
    plot_y      y;
    plot_x      x;
    plot_panels panels;
    bool        log_x, log_y;
    int         width, height;          // PNG, SVG: pixels; PDF: points; TERM: characters, of a panel. 0: what suits the format
} plot_options;

// Writes the file, or with path NULL prints to standard output (TERM). options NULL: token error against length, linear axes.
// False, with the reason: gnuplot is not installed or complained, nothing to draw, the disk is full.
bool plot_write(const summary *, const plot_options *, const char *path, plot_format, error *);
