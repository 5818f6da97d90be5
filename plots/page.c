#include "plots/figure.h"
#include "base/check.h"

// A line is as wide as so many characters.
enum { CHARACTERS = 3 };
static const double NOTE = 0.7;                         // a line of the notes
// By columns; the last for more.
typedef struct frame { double width, height; } frame;
static const frame frames[] = { { 42, 21 }, { 13, 9 }, { 11, 7.7 }, { 9.5, 6.6 }, { 8.5, 6 } };

// In lines, from the left and from the top; `legend` from the bottom.
typedef struct page {
    double width, height, left, right, top, bottom;     // of the outermost frames
    double frame_width, frame_height, across, down;     // across, down: from frame to frame
    double x_label, legend;
    int    rows;                                        // of the legend
} page;

// How many rows a legend has whose columns fill the page.
static int legend_rows(const legend *l, double width)
{
    const int most = (int)(CHARACTERS * (width - 1) / (l->longest + 12)), columns = most < 1 ? 1 : most < l->n ? most : l->n;
    return (l->n + columns - 1) / columns;
}

static page page_of(const figure *f, const legend *l, const notes *notes)
{
    const sheet *s = &f->sheet;
    const frame frame = frames[s->columns <= (int)LEN(frames) ? s->columns - 1 : (int)LEN(frames) - 1];
    const double head = marks_trained(f) ? 1.7 : 1.1;
    page p = { .left = f->o->log_y ? 4.3 : 3.6, .top = 1.6 + head, .frame_width = frame.width, .frame_height = frame.height,
               .across = frame.width + 1.5, .down = frame.height + head + 0.4, .legend = 0.5 + NOTE * notes->n };
    p.right = p.left + (s->columns - 1) * p.across + frame.width;
    p.bottom = p.top + (s->rows - 1) * p.down + p.frame_height;
    p.x_label = p.bottom + 1.25 + 0.8 * tics_lines(f, CHARACTERS * frame.width);
    p.width = p.right + 0.8;
    p.rows = legend_rows(l, p.width);
    p.height = p.x_label + 1 + p.rows + p.legend;
    return p;
}

static bool is_lowest(const sheet *s, const panel *p)
{
    for (int i = 0; i < s->n; i++)
        if (s->panel[i].column == p->column && s->panel[i].row > p->row)
            return false;
    return true;
}

static void put_panel(const figure *f, const page *g, int i, const char *curves)
{
    const panel *p = &f->sheet.panel[i];
    const double left = g->left + p->column * g->across, top = g->top + p->row * g->down;
    fprintf(f->script, "set lmargin at screen %g\nset rmargin at screen %g\nset tmargin at screen %g\nset bmargin at screen %g\n",
            left / g->width, (left + g->frame_width) / g->width, 1 - top / g->height, 1 - (top + g->frame_height) / g->height);
    fprintf(f->script, "set label %s at graph 0.5, graph 1 center offset character 0, character %g\n", quoted(p->title, f->arena),
            marks_trained(f) ? 1.6 : 0.8);
    put_tics(f, CHARACTERS * g->frame_width, is_lowest(&f->sheet, p));
    fprintf(f->script, "set format y '%s'\n", p->column == 0 ? "%g" : "");
    put_trained(f, i, CHARACTERS * g->frame_width);
    fprintf(f->script, "%s\nunset label\nunset arrow\n", curves);
}

static void put_label(const figure *f, const page *g, const char *text, double x, double y, const char *how)
{
    fprintf(f->script, "set label %s at screen %g, screen %g center%s\n", quoted(text, f->arena), x / g->width,
            1 - y / g->height, how);
}

// What belongs to no panel is drawn on an empty plot as large as the page.
static void put_margins(const figure *f, const page *g, const notes *notes)
{
    const double middle = (g->left + g->right) / 2;
    fputs("unset border\nunset tics\nunset grid\nset lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\n"
          "set tmargin at screen 1\n", f->script);
    put_label(f, g, title_of(f), middle, 0.9, "");
    put_label(f, g, x_label(f), middle, g->x_label, "");
    put_label(f, g, f->kind->axis, 0.8, (g->top + g->bottom) / 2, " rotate by 90");
    put_notes(f, notes);
    fprintf(f->script, "set key at screen %g, screen %g center bottom vertical Left reverse samplen 4 spacing 1.3 maxrows %d\n"
            "plot NaN notitle", middle / g->width, g->legend / g->height, g->rows);
}

void put_page(const figure *f, const legend *l, const notes *notes, char *const *curves)
{
    const page g = page_of(f, l, notes);
    const double line = format_kinds[f->format].line;
    put_terminal(f, g.width * line, g.height * line);
    fputs("set multiplot\nunset key\n", f->script);
    put_axes(f);
    for (int i = 0; i < f->sheet.n; i++)
        put_panel(f, &g, i, curves[i]);
    put_margins(f, &g, notes);
    put_legend(f, l);
    fputs("\nunset multiplot\n", f->script);
}
