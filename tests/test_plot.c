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
        TEST(test_every_format_and_option), TEST(test_words), TEST(test_terminal), TEST(test_nothing_to_draw),
        TEST(test_gnuplot_in_trouble), TEST(test_gnuplot_missing), TEST(test_full_disk), TEST(test_format_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
