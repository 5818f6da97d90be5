#include <string.h>
#include "results/grid.h"
#include "base/check.h"

const char *const table_format_names[TABLE_FORMATS + 1] = { "text", "md", "csv", "tex", NULL };

// ---- display width (wcwidth would need a locale, and would then depend on the user's)

typedef struct range { unsigned from, to; } range;

static const range no_width[] = { { 0x0, 0x1f }, { 0x7f, 0x9f }, { 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd },
    { 0x610, 0x61a },
    { 0x64b, 0x65f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x2064 },
    { 0x20d0, 0x20f0 }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff } };
static const range two_wide[] = { { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xac00, 0xd7a3 },
    { 0xf900, 0xfaff },
    { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f900, 0x1f9ff },
    { 0x20000, 0x3fffd } };

static bool within(unsigned c, const range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return false;
}

// The next character; a byte that is not UTF-8 counts as one of its own.
static unsigned next_character(const unsigned char **at)
{
    const unsigned char *p = *at;
    const int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    static const unsigned first[] = { 0x7f, 0x1f, 0x0f, 0x07 };
    unsigned c = *p & first[more];
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *at = p + 1;
            return 0xfffd;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    *at = p + 1 + more;
    return *p >= 0x80 && more == 0 ? 0xfffd : c;
}

int text_width(const char *utf8)
{
    int width = 0;
    for (const unsigned char *p = (const unsigned char *)utf8; *p;) {
        const unsigned c = next_character(&p);
        width += within(c, no_width, LEN(no_width)) ? 0 : within(c, two_wide, LEN(two_wide)) ? 2 : 1;
    }
    return width;
}

// ---- building

grid *grid_new(int columns, arena *a)
{
    grid *g = arena_zero(a, sizeof *g);
    g->columns = columns;
    g->arena = a;
    g->left = arena_zero(a, (size_t)columns * sizeof *g->left);
    grid_row(g);
    return g;
}

void grid_column(grid *g, int column, const char *heading, bool left)
{
    g->cell[column] = heading;
    g->left[column] = left;
}

const char **grid_row(grid *g)
{
    if (g->rows == g->room) {
        g->room = 2 * g->room + 8;
        const char **wider = arena_take(g->arena, (size_t)g->room * (size_t)g->columns * sizeof *wider);
        if (g->rows)
            memcpy(wider, g->cell, (size_t)g->rows * (size_t)g->columns * sizeof *wider);
        g->cell = wider;
    }
    const char **row = g->cell + (size_t)g->rows++ * (size_t)g->columns;
    for (int i = 0; i < g->columns; i++)
        row[i] = "";
    return row;
}

// ---- printing

static void put_csv(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, f);
        return;
    }
    putc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', f);
        putc(*text, f);
    }
    putc('"', f);
}

static const struct { const char *text, *tex; } tex_words[] = {
    { "\\", "\\textbackslash{}" }, { "&", "\\&" }, { "%", "\\%" }, { "$", "\\$" }, { "#", "\\#" }, { "_", "\\_" },
    { "{", "\\{" }, { "}", "\\}" },
    { "~", "\\textasciitilde{}" }, { "^", "\\textasciicircum{}" }, { "≥", "$\\geq$" }, { "×", "$\\times$" }, { "–", "--" },
    { "<", "$<$" }, { ">", "$>$" },
    { "Σ", "$\\Sigma$" }, { "∞", "$\\infty$" }, { "†", "$\\dagger$" } };

static void put_tex(FILE *f, const char *text)
{
    while (*text) {
        size_t i = 0;
        while (i < LEN(tex_words) && strncmp(text, tex_words[i].text, strlen(tex_words[i].text)) != 0)
            i++;
        if (i < LEN(tex_words)) {
            fputs(tex_words[i].tex, f);
            text += strlen(tex_words[i].text);
        } else
            putc(*text++, f);
    }
}

static void put_markdown(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (strchr("|*_<`\\", *text))
            putc('\\', f);
        putc(*text, f);
    }
}

void put_field(FILE *f, const char *text, table_format format)
{
    static void (*const put[TABLE_FORMATS])(FILE *, const char *) = { [TABLE_MARKDOWN] = put_markdown, [TABLE_CSV] = put_csv,
        [TABLE_TEX] = put_tex };
    if (put[format])
        put[format](f, text);
    else
        fputs(text, f);
}

static void put_padded(FILE *f, const char *text, int width, bool left, bool last)
{
    const int pad = width - text_width(text);
    if (!left)
        fprintf(f, "%*s", pad > 0 ? pad : 0, "");
    fputs(text, f);
    if (left && !last)
        fprintf(f, "%*s", pad > 0 ? pad : 0, "");
}

static void print_text(FILE *f, const grid *g, bool colour)
{
    enum { WIDEST = 64 };
    CHECK(g->columns <= WIDEST, "a table of %d columns", g->columns);
    int width[WIDEST] = { 0 };
    for (int i = 0; i < g->rows * g->columns; i++) {
        const int w = text_width(g->cell[i]), column = i % g->columns;
        width[column] = w > width[column] ? w : width[column];
    }
    for (int row = 0; row < g->rows; row++) {
        if (row == 0 && colour)
            fputs("\033[1m", f);
        for (int c = 0; c < g->columns; c++) {
            if (c)
                fputs("  ", f);
            put_padded(f, g->cell[row * g->columns + c], width[c], g->left[c], c == g->columns - 1);
        }
        fputs(row == 0 && colour ? "\033[0m\n" : "\n", f);
    }
}

static void print_lines(FILE *f, const grid *g, table_format format)
{
    static const struct { const char *before, *between, *after; } marks[TABLE_FORMATS] = {
        [TABLE_MARKDOWN] = { "| ", " | ", " |" }, [TABLE_CSV] = { "", ",", "" }, [TABLE_TEX] = { "  ", " & ", " \\\\" } };
    if (format == TABLE_TEX) {
        fputs("\\begin{tabular}{", f);                  // needs \usepackage{booktabs}
        for (int c = 0; c < g->columns; c++)
            putc(g->left[c] ? 'l' : 'r', f);
        fputs("}\n\\toprule\n", f);
    }
    for (int row = 0; row < g->rows; row++) {
        fputs(marks[format].before, f);
        for (int c = 0; c < g->columns; c++) {
            if (c)
                fputs(marks[format].between, f);
            put_field(f, g->cell[row * g->columns + c], format);
        }
        fprintf(f, "%s\n", marks[format].after);
        if (row == 0 && format == TABLE_TEX)
            fputs("\\midrule\n", f);
        for (int c = 0; row == 0 && format == TABLE_MARKDOWN && c < g->columns; c++)
            fprintf(f, "%s%s%s", c ? "" : "|", g->left[c] ? " :-- |" : " --: |", c == g->columns - 1 ? "\n" : "");
    }
    if (format == TABLE_TEX)
        fputs("\\bottomrule\n\\end{tabular}\n", f);
}

void grid_print(FILE *f, const grid *g, table_format format, bool colour)
{
    if (format == TABLE_TEXT)
        print_text(f, g, colour);
    else
        print_lines(f, g, format);
}
