// A figure while its script is written.
#pragma once
#include <stdio.h>
#include "plots/panels.h"

// Behind a panel's curves: the error of a uniform guess, and of the strongest shallow strategy.
typedef struct reference {
    int           n;
    const int    *x;                    // [n]
    const double *chance, *floor;       // [n], NaN where not known; NULL: not drawn
    const char   *name;                 // of the strategy
} reference;

// How a format is asked for, its usual size and a legend's line (pixels, points for PDF, characters), its small print in
// points, and what its pictures end with.
typedef struct format_kind { const char *terminal, *unit; int width, height, line, small; const char *end; } format_kind;
extern const format_kind format_kinds[PLOT_FORMATS];

typedef struct figure {
    const summary      *s;
    const plot_options *o;
    const curve_kind   *kind;
    plot_format         format;
    FILE               *script;
    sheet               sheet;
    reference          *reference;                      // [sheet.n]
    int                 from, to;                       // of x
    double              largest, smallest;              // of everything drawn; smallest above zero
    bool                zeros, bands, thin, dashed;     // drawn anywhere? Then it is explained below the figure
    arena              *arena;
} figure;

// ---- data.c: data blocks, and what they say of the axes

void put_data(figure *);                                // fills `reference` and the extremes

// ---- words.c

const char *quoted(const char *, arena *);              // as a string of gnuplot's
// What the drawing alone does not say, in lines that fit the picture.
typedef struct notes { const char *line[8]; int n; } notes;
notes notes_of(const figure *);

// ---- draw.c: curves, what lies behind them, and their legend

void put_curves(figure *, int panel);                   // ", …": they follow "plot NaN notitle"
typedef struct legend_entry { const char *style, *title; } legend_entry;
typedef struct legend { int n, longest; legend_entry *entry; } legend;                // longest: characters
legend legend_of(const figure *);                       // after put_curves
void   put_legend(const figure *, const legend *);      // ", keyentry …"

// ---- frame.c. characters: how wide a panel is

#define TRAINED_STYLE "dashtype 3 linewidth 1.5 linecolor rgb '#606060'"
void   put_ranges(const figure *);
void   put_tics(const figure *, double characters, bool words);         // of x, where they are named one by one
double tics_lines(const figure *, double characters);   // how high their words are
void   put_trained(const figure *, int panel, double characters);       // where training ended
bool   marks_trained(const figure *);

// ---- page.c: panels side by side, the legend below

void put_page(const figure *, const legend *, const notes *, char *const *curves);    // [sheet.n], each of put_curves

// ---- plot.c: a single panel, and what both have

const char *title_of(const figure *);
const char *x_label(const figure *);
void put_axes(const figure *);
void put_notes(const figure *, const notes *);
void put_terminal(const figure *, double width, double height);        // in the format's unit, where the options name none
