#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "invented.h"
#include "base/check.h"
#include "plots/gnuplot.h"
#include "plots/plot.h"

static arena *memory;
static char top[256];

static bool have_gnuplot(void)
{
    error err = { 0 };
    size_t bytes;
    return gnuplot_run("set terminal dumb\nplot x\n", "", &bytes, memory, &err);
}

static int set_up(void **state)
{
    memory = arena_new();
    snprintf(top, sizeof top, "%s/scanbench-plot-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", top);
    arena_free(memory);
    return system(command);
}

static const char *in_top(const char *name) { return arena_text(memory, "%s/%s", top, name); }

static summary *sweep(int models, int seeds)
{
    static const char *const names[] = { "psm-softmax", "transformer", "mamba", "gla", "it's \"quoted\" \\n {/x} $f `ls`",
        "lstm", "deltanet", "hybrid", "ninth" };
    static const double early[] = { 1e-5, 0.03, 2e-4, 0.01, 1e-6, 1e-5, 1e-5, 1e-4, 1e-4 },
        late[] = { 1e-5, 0.2, 0.03, 0.1, 1e-5, 0.004, 1e-3, 1e-2, 1e-2 };
    summary *s = summary_new(&(summary_head){ "s5_quick's", "word-problem (S5)", NULL }, memory);
    for (int m = 0; m < models; m++)
        for (int i = 0; i < seeds; i++)
            invented_add(s, &(invented){ names[m], "", i, m == 2 && i == 1 ? CELL_DIVERGED : m == 3 && i == 2 ? CELL_FAILED
                : CELL_DONE, 18, 98, 8, early[m] * (1 + i), late[m], 100 });
    summary_finish(s);
    return s;
}

static const char *read_back(const char *path, size_t *bytes)
{
    error err = { 0 };
    const char *text = file_read(path, bytes, memory, &err);
    assert_non_null(text);
    return text;
}

static void test_every_format_and_option(void **state)
{
    if (!have_gnuplot())
        skip();
    static const char *const starts[] = { "\x89PNG\r\n", "<?xml", "%PDF-", "" };
    static const plot_options options[] = { { 0 }, { .log_y = true }, { .log_x = true, .log_y = true },
        { .y = PLOT_SEQUENCE_ERROR, .log_x = true }, { .y = PLOT_LAST_ERROR },
        { .y = PLOT_LOSS, .log_y = true }, { .y = PLOT_POSITION_ERROR }, { .y = PLOT_PREFIX_ERROR, .log_y = true },
            { .width = 640, .height = 400 } };
    const summary *const sweeps[] = { sweep(2, 3), sweep(9, 1), sweep(1, 1) };
    for (size_t k = 0; k < LEN(sweeps); k++)
        for (size_t i = 0; i < LEN(options); i++)
            for (int format = 0; format < PLOT_FORMATS; format++) {
                if (k > 0 && format == PLOT_PDF && i > 1)
                    continue;                           // slow, and the same script
                const char *path = in_top(arena_text(memory, "figure.%s", plot_format_names[format]));
                error err = { 0 };
                size_t bytes;
                if (!plot_write(sweeps[k], &options[i], path, (plot_format)format, &err)) {
                    print_error("sweep %zu, option %zu, %s: %s\n", k, i, plot_format_names[format], err.text);
                    fail();
                }
                assert_int_equal(strncmp(read_back(path, &bytes), starts[format], strlen(starts[format])), 0);
                assert_true(bytes > 500);
            }
}

// In SVG words can be read: names are never taken for markup of gnuplot's, and every caution is there.
static void test_words(void **state)
{
    if (!have_gnuplot())
        skip();
    static const char *const words[] = { "s5_quick's: word-problem (S5)", "psm-softmax", "transformer (not learned at 18)",
        "mamba (4 of 5 learned 18)", "it's \"quoted\" \\n {/x} $f `ls`",
        "trained to 18", "chance", "last symbol", "sequence length (symbols)", "token error",
            "hollow: no error at all, drawn at half of one error", "1 of 5 seeds of mamba diverged",
        "dashed: has not learned the trained length", "bold: median over seeds; thin: one seed each" };
    const char *path = in_top("words.svg");
    error err = { 0 };
    size_t bytes;
    assert_true(plot_write(sweep(5, 5), &(plot_options){ .log_y = true }, path, PLOT_SVG, &err));
    const char *text = read_back(path, &bytes);
    for (size_t i = 0; i < LEN(words); i++)
        if (!strstr(text, words[i])) {
            print_error("'%s' is not in the figure\n", words[i]);
            fail();
        }
    assert_true(plot_write(sweep(2, 3), NULL, path, PLOT_SVG, &err));
    text = read_back(path, &bytes);
    assert_null(strstr(text, "hollow"));                // a linear axis draws zero where it is
    assert_null(strstr(text, "band:"));
    assert_true(plot_write(sweep(2, 1), NULL, path, PLOT_SVG, &err));
    assert_non_null(strstr(read_back(path, &bytes), "band: 95 % interval over test sequences"));
}

// ---- several panels: words found in SVG, with where they stand

static const char *const slices[] = { "64 pairs 4", "64 pairs 8", "128 pairs 8", "256 pairs 64", NULL };

// Five models at every grid point; trained to 39, or where the points are lengths, to those.
static summary *grid_sweep(const char *path, const char *const *values)
{
    static const char *const labels[] = { "lstm", "transformer", "mamba", "mamba-negative", "psm-softmax" };
    static const double late[] = { 1e-6, 0.2, 0.03, 0.004, 1e-3 };
    summary *s = summary_new(&(summary_head){ "formal", "parity, scored mark", NULL }, memory);
    for (int m = 0; m < 5; m++)
        for (int g = 0; values[g]; g++)
            for (int i = 0; i < 2; i++)
                invented_add(s, &(invented){ labels[m], arena_text(memory, "%s=%s", path, values[g]), i,
                    m == 1 && g == 1 && i ? CELL_DIVERGED : CELL_DONE, strstr(path, "lengths") ? atoi(values[g]) : 39, 240, 8,
                    late[m] * 0.1 * (1 + i), late[m] * (1 + g), 40, .slices = slices });
    invented_add(s, &(invented){ "theirs", "", 0, CELL_DONE, 39, 240, 8, 1e-3, 1e-2, 40, .external = true, .slices = slices });
    summary_finish(s);
    return s;
}

static const char *const tasks[] = { "parity", "cycle-navigation", "modular-arithmetic", "even-pairs", NULL };
static const char *const sizes[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", NULL };
static const char *const lengths[] = { "16", "32", "64", "128", NULL };
static const char *const uneven[] = { "3", "6", "12", "24", "48", "200", NULL };

typedef struct word { const char *text; double left, top, right, bottom; bool slanted; } word;
typedef struct words { int n; word at[400]; double width, height; } words;

static double number_after(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    assert_non_null(found);
    return strtod(found + strlen(key), NULL);
}

// gnuplot's <g transform="translate(x,y) rotate(r)" … font-size="s" text-anchor="a"> <text>…</text>. Arial is half as wide as
// high.
static void add_word(words *w, const char *group, const char *text)
{
    const size_t n = strcspn(text, "<");
    const double size = number_after(group, "font-size=\""), width = 0.5 * size * (double)n;
    const double x = number_after(group, "translate("), y = strtod(strchr(group, ',') + 1, NULL);
    const double before = strstr(group, "\"end\"") ? 1 : strstr(group, "\"middle\"") ? 0.5 : 0;
    const char *rotate = strstr(group, "rotate(");
    const double degrees = rotate ? strtod(rotate + strlen("rotate("), NULL) : 0;
    word *new = &w->at[w->n++];
    assert_true(w->n < (int)LEN(w->at));
    new->text = arena_text(memory, "%.*s", (int)n, text);
    *new = (word){ new->text, x - before * width, y - 0.7 * size, x + (1 - before) * width, y, false };
    if (degrees == -90 || degrees == 270)
        *new = (word){ new->text, x - 0.7 * size, y - (1 - before) * width, x, y + before * width, false };
    else if (degrees != 0)                              // by 30 degrees, its end at the tic
        *new = (word){ new->text, x - 0.87 * width, y - 0.7 * size, x, y + 0.5 * width, true };
}

static words *words_of(const summary *s, const plot_options *o)
{
    const char *path = in_top("panels.svg");
    error err = { 0 };
    size_t bytes;
    if (!plot_write(s, o, path, PLOT_SVG, &err)) {
        print_error("%s\n", err.text);
        fail();
    }
    const char *svg = read_back(path, &bytes);
    words *w = arena_zero(memory, sizeof *w);
    w->width = number_after(svg, "width=\"");
    w->height = number_after(svg, "height=\"");
    const char *group = NULL;
    for (const char *p = svg; (p = strpbrk(p, "<")); p++) {
        if (strncmp(p, "<g transform=", 13) == 0)
            group = arena_text(memory, "%.*s", (int)strcspn(p, ">"), p);
        if (strncmp(p, "<text>", 6) == 0 && p[6] != '<')
            add_word(w, group, p + 6);
    }
    return w;
}

static const word *find(const words *w, const char *text, int times)
{
    const word *found = NULL;
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->at[i].text, text) == 0) {
            found = &w->at[i];
            times--;
        }
    if (times)
        print_error("'%s' stands %d times less in the figure\n", text, times);
    for (int i = 0; times && i < w->n; i++)
        print_error("  %s\n", w->at[i].text);
    assert_int_equal(times, 0);
    return found;
}

static void check_room(const words *w)
{
    for (int i = 0; i < w->n; i++) {
        const word *a = &w->at[i];
        bool good = a->left >= 0 && a->top >= 0 && a->right <= w->width && a->bottom <= w->height;
        for (int j = 0; j < i; j++) {
            const word *b = &w->at[j];
            const bool apart = a->left >= b->right || b->left >= a->right || a->top >= b->bottom || b->top >= a->bottom;
            good &= apart || (a->slanted && b->slanted);            // which pass by each other
            if (!good)
                print_error("'%s' at %g, %g meets '%s' or the edge\n", a->text, a->left, a->top, b->text);
            assert_true(good);
        }
    }
}

// No word on another or cut off, in every arrangement.
static void test_panels_have_room(void **state)
{
    if (!have_gnuplot())
        skip();
    static const struct { const char *path; const char *const *values; plot_options options; } figures[] = {
        { "task.name", tasks, { 0 } }, { "task.name", tasks, { .log_x = true, .log_y = true } },
        { "task.name", tasks, { .x = PLOT_SLICE } }, { "task.size", sizes, { 0 } }, { "task.size", sizes, { .x = PLOT_SLICE } },
        { "task.size", sizes, { .panels = PANELS_NONE } }, { "train.lengths", lengths, { 0 } },
        { "train.lengths", uneven, { .x = PLOT_TRAINED } }, { "train.lengths", lengths, { .log_x = true } },
        { "task.name", tasks, { .panels = PANELS_NONE, .x = PLOT_SLICE } } };
    for (size_t i = 0; i < LEN(figures); i++)
        check_room(words_of(grid_sweep(figures[i].path, figures[i].values), &figures[i].options));
}

static void test_panels(void **state)
{
    if (!have_gnuplot())
        skip();
    const words *w = words_of(grid_sweep("task.name", tasks), NULL);
    static const char *const once[] = { "formal", "lstm", "transformer", "mamba", "mamba-negative", "psm-softmax",
        "theirs (external)", "chance", "last symbol", "trained length", "sequence length (symbols)", "token error" };
    const word *last = find(w, "even-pairs", 1), *y = find(w, "token error", 1), *x = find(w, "sequence length (symbols)", 1);
    for (size_t i = 0; i < LEN(once); i++)
        find(w, once[i], 1);
    for (int i = 1; i < 8; i++)                         // the legend lies below everything
        assert_true(find(w, once[i], 1)->top > x->bottom);
    for (int i = 0; tasks[i]; i++)
        assert_true(find(w, tasks[i], 1)->left > y->right);
    assert_true(find(w, "parity", 1)->top < last->top && find(w, "parity", 1)->left < last->left);
    find(w, "39", 4);                                   // in each panel where training ended
    assert_true(find(w, "0.2", 2)->right < find(w, "parity", 1)->left);    // numbers at the outer edges only
    find(w, "100", 2);
    find(w, "bold: median over seeds; thin: one seed each; band: 95 % interval over test sequences", 1);
    find(w, "dashed: has not learned the trained length; 1 of 8 runs of transformer diverged", 1);
    for (int format = 0; format < PLOT_FORMATS; format++)
        for (int x_kind = 0; x_kind < PLOT_XS; x_kind++) {
            error err = { 0 };
            const char *path = in_top(arena_text(memory, "panels%d.%s", x_kind, plot_format_names[format]));
            assert_true(plot_write(grid_sweep("task.name", tasks), &(plot_options){ .x = (plot_x)x_kind, .log_y = true }, path,
                                   (plot_format)format, &err));
        }
    const words *many = words_of(grid_sweep("task.size", sizes), NULL);
    assert_true(many->width > w->width && many->height > w->height);
    find(many, "size 12", 1);
    const words *joined = words_of(grid_sweep("task.name", tasks), &(plot_options){ .panels = PANELS_NONE });
    find(joined, "mamba, even-pairs (not learned at 39)", 1);
    find(joined, "lstm, parity", 1);
}

// Each panel has its own mark, and of numbers too close to each other the first.
static void test_trained_marks(void **state)
{
    if (!have_gnuplot())
        skip();
    const words *w = words_of(grid_sweep("train.lengths", lengths), NULL);
    for (int i = 0; lengths[i]; i++)
        find(w, lengths[i], 1);
    find(w, "39", 3);                                   // of the external row, but not behind 32
}

static void test_slices(void **state)
{
    if (!have_gnuplot())
        skip();
    summary *one = summary_new(&(summary_head){ "mqar", "mqar", NULL }, memory);
    invented_add(one, &(invented){ "gla", "", 0, CELL_DONE, 39, 71, 8, 1e-3, 1e-2, 40, .slices = slices });
    summary_finish(one);
    const words *w = words_of(one, &(plot_options){ .x = PLOT_SLICE });
    double before = 0;
    for (int i = 0; slices[i]; i++) {
        const word *slice = find(w, slices[i], 1);
        assert_true(slice->left > before);
        before = slice->right;
    }
    find(w, "setting of the task", 1);
    find(w, "chance", 1);
    const words *narrow = words_of(grid_sweep("task.name", tasks), &(plot_options){ .x = PLOT_SLICE });
    find(narrow, "pairs 4", 2);                         // below its length, in the lower two of four panels
    assert_true(find(words_of(grid_sweep("task.size", sizes), &(plot_options){ .x = PLOT_SLICE }), "64 pairs 4", 4)->slanted);
    error err = { 0 };
    assert_false(plot_write(sweep(1, 1), &(plot_options){ .x = PLOT_SLICE }, in_top("none.svg"), PLOT_SVG, &err));
    assert_non_null(strstr(err.text, "nothing to draw: no run of 's5_quick's' has slices"));
}

static void test_trained(void **state)
{
    if (!have_gnuplot())
        skip();
    const words *w = words_of(grid_sweep("train.lengths", lengths), &(plot_options){ .x = PLOT_TRAINED, .log_x = true });
    for (int i = 0; lengths[i]; i++)
        find(w, lengths[i], 1);
    find(w, "length trained and tested at (symbols)", 1);
    find(w, "mamba", 1);
    find(w, "parity, scored mark", 0);
    find(w, "formal: parity, scored mark", 1);          // the task is one
    w = words_of(grid_sweep("train.lengths", uneven), &(plot_options){ .x = PLOT_TRAINED });
    find(w, "3", 1);                                    // and no 6, for which there is no room
    find(w, "6", 0);
    find(w, "200", 1);
}

static void test_terminal_panels(void **state)
{
    if (!have_gnuplot())
        skip();
    const char *path = in_top("figure.txt");
    error err = { 0 };
    size_t bytes;
    assert_true(plot_write(grid_sweep("task.name", tasks), NULL, path, PLOT_TERM, &err));
    const char *at = read_back(path, &bytes);
    assert_null(strstr(strstr(at, "psm-softmax") + 1, "psm-softmax"));
    for (int i = 0; tasks[i]; i++) {                    // one after another, the legend last
        at = strstr(at, arena_text(memory, "formal, %s, token error", tasks[i]));
        assert_non_null(at);
    }
    assert_non_null(strstr(at, "psm-softmax"));
}

static void test_terminal(void **state)
{
    if (!have_gnuplot())
        skip();
    const char *path = in_top("figure.txt");
    error err = { 0 };
    size_t bytes;
    assert_true(plot_write(sweep(2, 3), NULL, path, PLOT_TERM, &err));
    const char *text = read_back(path, &bytes);
    assert_non_null(strstr(text, "transformer (not learned at 18)"));
    assert_null(strstr(text, "\n\n"));
    assert_null(strstr(text, " \n"));
}

static void test_nothing_to_draw(void **state)
{
    summary *s = summary_new(&(summary_head){ "empty", "task", NULL }, memory);
    summary_add(s, &(summary_cell){ "gla", "", 0, 18, { 0 }, NULL });
    invented_add(s, &(invented){ "mamba", "", 0, CELL_DIVERGED, 18, 98, 8, 0, 0, 10 });
    summary_finish(s);
    error err = { 0 };
    assert_false(plot_write(s, NULL, in_top("none.png"), PLOT_PNG, &err));
    assert_non_null(strstr(err.text, "nothing to draw"));
    assert_false(file_exists(in_top("none.png")));
}

// ---- trouble: another gnuplot first in PATH

static void with_gnuplot(const char *script, const char *complaint, bool works)
{
    const char *path = arena_copy(memory, getenv("PATH")), *mine = in_top("gnuplot"), *figure = in_top("trouble.svg");
    FILE *f = fopen(mine, "w");
    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    assert_int_equal(system(arena_text(memory, "chmod +x '%s'", mine)), 0);
    setenv("PATH", arena_text(memory, "%s:%s", top, path), 1);
    error err = { 0 }, ignored = { 0 };
    file_remove(figure, &ignored);
    const bool good = plot_write(sweep(1, 1), NULL, figure, PLOT_SVG, &err);
    setenv("PATH", path, 1);
    if (good != works || (!works && !strstr(err.text, complaint)) || file_exists(figure) != works) {
        print_error("%s: %s\n", script, err.text);
        fail();
    }
}

static void test_gnuplot_in_trouble(void **state)
{
    with_gnuplot("cat >/dev/null; echo '<svg></svg>'", "", true);
    with_gnuplot("cat >/dev/null; echo '<svg></svg>'; exit 1", "ended with status 1", false);
    with_gnuplot("cat >/dev/null; echo '<svg></svg>'; kill -9 $$", "ended with status 137", false);
    // status 0, a picture cut off
    with_gnuplot("cat >/dev/null; echo '<svg>'", "incomplete picture", false);
    with_gnuplot("cat >/dev/null", "incomplete picture", false);
    with_gnuplot("cat >/dev/null; echo '<svg></svg>'; echo 'line 3: undefined variable' >&2", "undefined variable", false);
    with_gnuplot("cat >/dev/null; echo '<svg></svg>'; echo 'Fontconfig error: No writable cache directories' >&2", "", true);
    with_gnuplot("test \"$LC_ALL\" = C.UTF-8 && cat >/dev/null && echo '<svg></svg>'", "", true);
}

static void test_gnuplot_missing(void **state)
{
    const char *path = arena_copy(memory, getenv("PATH"));
    setenv("PATH", top, 1);
    error err = { 0 };
    const bool good = plot_write(sweep(1, 1), NULL, in_top("figure.png"), PLOT_PNG, &err);
    setenv("PATH", path, 1);
    assert_false(good);
    assert_non_null(strstr(err.text, "apt install gnuplot-nox"));
}

static void test_full_disk(void **state)
{
    if (!have_gnuplot())
        skip();
    const char *path = in_top("figure.svg");
    error err = { 0 };
    assert_true(plot_write(sweep(1, 1), NULL, path, PLOT_SVG, &err));
    size_t before, after;
    const char *old = read_back(path, &before);
    for (int n = 1; n <= 3; n++) {
        error full = { 0 };
        file_fault_at(n, n == 2 ? FAULT_SHORT : FAULT_FAIL);
        assert_false(plot_write(sweep(2, 1), NULL, path, PLOT_SVG, &full));
        file_fault_at(0, FAULT_NONE);
        assert_non_null(strstr(full.text, "No space left"));
        assert_string_equal(read_back(path, &after), old);
    }
}

static void test_format_of(void **state)
{
    assert_int_equal(plot_format_of("a/b.PNG"), PLOT_PNG);
    assert_int_equal(plot_format_of("b.svg"), PLOT_SVG);
    assert_int_equal(plot_format_of("b.x.pdf"), PLOT_PDF);
    assert_int_equal(plot_format_of("b.term"), -1);
    assert_int_equal(plot_format_of("png"), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_format_and_option), TEST(test_words), TEST(test_panels_have_room), TEST(test_panels),
        TEST(test_trained_marks), TEST(test_slices), TEST(test_trained), TEST(test_terminal), TEST(test_terminal_panels),
        TEST(test_nothing_to_draw),
        TEST(test_gnuplot_in_trouble), TEST(test_gnuplot_missing), TEST(test_full_disk), TEST(test_format_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
