// Which curves a figure has and in which of its panels they lie; test_plot.c draws them.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "invented.h"
#include "base/check.h"
#include "plots/panels.h"
#include "plots/setting.h"

static arena *memory;

static int set_up(void **state) { memory = arena_new(); return 0; }
static int tear_down(void **state) { arena_free(memory); return 0; }

static const char *const slices[] = { "64 pairs 4", "64 pairs 8", "128 pairs 8", NULL };

// Lengths trained, trained + 8, trained + 16; the error grows with late.
static void add(summary *s, const char *label, const char *point, const char *compared, int64_t seed, int trained, double late)
{
    invented_add(s, &(invented){ label, point, seed, CELL_DONE, trained, trained + 16, 8, late, late, 40, .compared = compared,
                                 .slices = slices });
}

static summary *start(void) { return summary_new(&(summary_head){ "sweep", "task", NULL }, memory); }

static sheet laid_out(summary *s, plot_panels panels, plot_x x)
{
    summary_finish(s);
    return sheet_of(s, &(plot_options){ .panels = panels, .x = x }, memory);
}

// Every label at every combination of two paths' values.
static summary *product(const char *const labels[], const char *const first[], const char *const second[])
{
    summary *s = start();
    for (int l = 0; labels[l]; l++)
        for (int j = 0; second[j]; j++)
            for (int i = 0; first[i]; i++)
                add(s, labels[l], arena_text(memory, "%s%s%s", first[i], *second[j] ? " " : "", second[j]), NULL, 0, 16, 0.01);
    return s;
}

static const char *const models[] = { "gla", "mamba", NULL };
static const char *const alone[] = { "", NULL };

// ---- grid points

static void test_points(void **state)
{
    const grid_point p = point_read("task={ name: parity, length: 40 } models.a.note='it is [ = this' train.lengths=[2, 4] "
                                    "train.optimizer.lr=0.003", memory);
    static const char *const parts[][3] = { { "task", "{ name: parity, length: 40 }", "parity, length 40" },
        { "models.a.note", "'it is [ = this'", "note 'it is [ = this'" }, { "train.lengths", "[2, 4]", "lengths [2, 4]" },
        { "train.optimizer.lr", "0.003", "lr 0.003" } };
    assert_int_equal(p.n, LEN(parts));
    for (int i = 0; i < p.n; i++) {
        assert_string_equal(p.at[i].path, parts[i][0]);
        assert_string_equal(p.at[i].value, parts[i][1]);
        assert_string_equal(setting_words(&p.at[i], memory), parts[i][2]);
    }
    assert_string_equal(point_value(&p, "train.lengths"), "[2, 4]");
    assert_null(point_value(&p, "train"));
    assert_int_equal(point_read("", memory).n, 0);
    assert_string_equal(setting_words(&(setting){ "task.name", "parity" }, memory), "parity");
    assert_string_equal(setting_words(&(setting){ "train.lengths", "256" }, memory), "length 256");
    const grid_point words = point_read("two words", memory);
    assert_int_equal(words.n, 1);
    assert_string_equal(setting_words(&words.at[0], memory), "two words");
}

// ---- panels

static void test_one_path(void **state)
{
    static const char *const tasks[] = { "task.name=parity", "task.name=cycle", "task.name=pairs", "task.name=dyck", NULL };
    const sheet s = laid_out(product(models, tasks, alone), PANELS_AUTO, PLOT_LENGTH);
    static const char *const titles[] = { "parity", "cycle", "pairs", "dyck" };
    assert_int_equal(s.n, 4);
    assert_int_equal(s.rows, 2);
    assert_int_equal(s.columns, 2);
    assert_true(s.tasks);
    for (int i = 0; i < 4; i++) {
        const panel *p = &s.panel[i];
        assert_string_equal(p->title, titles[i]);
        assert_int_equal(p->row, i / 2);
        assert_int_equal(p->column, i % 2);
        assert_int_equal(p->n, 2);                      // a model has one look everywhere
        for (int j = 0; j < 2; j++) {
            assert_int_equal(p->curve[j].look, j);
            assert_string_equal(p->curve[j].models[0]->label, models[j]);
            assert_string_equal(p->curve[j].models[0]->group, tasks[i]);
        }
    }
    assert_int_equal(s.n_looks, 2);
    assert_string_equal(s.look[1].name, "mamba");
}

// Two paths: a matrix with the longer one across, whatever the order.
static void test_two_paths(void **state)
{
    static const char *const powers[] = { "task.power=0.01", "task.power=1", NULL };
    static const char *const lengths[] = { "train.lengths=64", "train.lengths=128", "train.lengths=256", NULL };
    for (int turned = 0; turned < 2; turned++) {
        const sheet s = laid_out(turned ? product(models, lengths, powers) : product(models, powers, lengths), PANELS_AUTO,
                                 PLOT_LENGTH);
        assert_int_equal(s.n, 6);
        assert_int_equal(s.rows, 2);
        assert_int_equal(s.columns, 3);
        for (int i = 0; i < 6; i++) {
            static const char *const words[] = { "length 64", "length 128", "length 256" };
            assert_non_null(strstr(s.panel[i].title, s.panel[i].row ? "power 1" : "power 0.01"));
            assert_non_null(strstr(s.panel[i].title, words[s.panel[i].column]));
        }
        assert_string_equal(s.panel[0].title, turned ? "length 64, power 0.01" : "power 0.01, length 64");
    }
}

static void test_arrangements(void **state)
{
    static const int shapes[][3] = { { 2, 1, 2 }, { 3, 1, 3 }, { 5, 2, 3 }, { 7, 3, 3 }, { 12, 3, 4 }, { 13, 4, 4 } };
    for (size_t k = 0; k < LEN(shapes); k++) {
        summary *m = start();
        for (int i = 0; i < shapes[k][0]; i++)
            add(m, "gla", arena_text(memory, "task.size=%d", i), NULL, 0, 16, 0.01);
        const sheet s = laid_out(m, PANELS_GRID, PLOT_LENGTH);
        assert_int_equal(s.n, shapes[k][0]);
        assert_int_equal(s.rows, shapes[k][1]);
        assert_int_equal(s.columns, shapes[k][2]);
        assert_int_equal(s.panel[s.n - 1].row, shapes[k][1] - 1);
    }
}

// More than twelve points are curves of one panel, unless the sweep asks for them; `none` joins any.
static void test_choice(void **state)
{
    for (int n = 11; n <= 13; n++)
        for (int panels = 0; panels < PLOT_PANELS; panels++) {
            summary *m = start();
            for (int i = 0; i < n; i++)
                add(m, "gla", arena_text(memory, "task.size=%d", i), NULL, 0, 16, 0.01);
            const sheet s = laid_out(m, (plot_panels)panels, PLOT_LENGTH);
            const bool one = panels == PANELS_NONE || (panels == PANELS_AUTO && n == 13);
            assert_int_equal(s.n, one ? 1 : n);
            assert_int_equal(s.n_looks, one ? n : 1);
            assert_string_equal(s.look[s.n_looks - 1].name, one ? arena_text(memory, "gla, size %d", n - 1) : "gla");
            assert_string_equal(s.panel[0].title, one ? "" : "size 0");
        }
}

// An option of one model makes curves; with panels, the other models are in each.
static void test_one_models_option(void **state)
{
    summary *m = start();
    add(m, "gla", "", NULL, 0, 16, 0.01);
    add(m, "gpt2", "models.gpt2.layers=2", NULL, 0, 16, 0.01);
    add(m, "gpt2", "models.gpt2.layers=4", NULL, 0, 16, 0.01);
    sheet s = laid_out(m, PANELS_AUTO, PLOT_LENGTH);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.panel[0].n, 3);
    assert_false(s.tasks);
    static const char *const names[] = { "gla", "gpt2, layers 2", "gpt2, layers 4" };
    for (int i = 0; i < 3; i++)
        assert_string_equal(s.look[s.panel[0].curve[i].look].name, names[i]);
    m = start();
    for (int i = 0; i < 4; i++)
        add(m, "gpt2", arena_text(memory, "task.size=%d models.gpt2.layers=%d", i / 2, 2 + i % 2), NULL, 0, 16, 0.01);
    add(m, "from elsewhere", "", NULL, 0, 16, 0.01);
    add(m, "of one task", "task.size=1", NULL, 0, 16, 0.01);
    s = laid_out(m, PANELS_AUTO, PLOT_LENGTH);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.panel[0].n, 3);
    assert_int_equal(s.panel[1].n, 4);
    assert_string_equal(s.look[s.panel[1].curve[3].look].name, "of one task");
}

// What `select` chose differs from model to model and is neither panel nor name, and neither is what never changes.
static void test_chosen_and_constant(void **state)
{
    summary *m = start();
    for (int i = 0; i < 4; i++)
        add(m, models[i % 2], arena_text(memory, "task.size=%d task.kind=odd train.optimizer.lr=0.00%d", i / 2, i),
            arena_text(memory, "task.size=%d task.kind=odd", i / 2), 0, 16, 0.01);
    const sheet s = laid_out(m, PANELS_AUTO, PLOT_LENGTH);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.n_looks, 2);
    assert_string_equal(s.look[0].name, "gla");
    assert_string_equal(s.panel[1].title, "size 1");
}

// ---- x

static void test_slices(void **state)
{
    summary *m = start();
    for (int seed = 0; seed < 3; seed++)
        add(m, "gla", "", NULL, seed, 16, 0.01 * (1 + seed));
    const sheet s = laid_out(m, PANELS_AUTO, PLOT_SLICE);
    assert_int_equal(s.axes.n_slices, 3);
    const curve *c = &s.panel[0].curve[0];
    assert_int_equal(c->n, 3);
    assert_int_equal(c->n_seeds, 3);
    for (int k = 0; k < 3; k++) {
        assert_string_equal(s.axes.slice[k], slices[k]);
        assert_int_equal(c->x[k], k);
        double error[3];
        for (int seed = 0; seed < 3; seed++) {
            error[seed] = curve_point(c, &s.axes, seed, k).y;
            assert_true(fabs(error[seed] - run_error(m->models[0].runs[seed], TOKEN_ERROR, 16 + 8 * k)) <= 1e-12);
        }
        assert_true(fabs(curve_median(c, &s.axes, k, memory).y - median_of(error, 3)) <= 1e-12);
    }
    assert_true(curve_point(c, &s.axes, 0, 0).y < curve_point(c, &s.axes, 0, 2).y);
    // errors by position have their own x
    const sheet positions = sheet_of(m, &(plot_options){ .y = PLOT_POSITION_ERROR, .x = PLOT_SLICE }, memory);
    assert_int_equal(positions.axes.x, PLOT_LENGTH);
    assert_int_equal(positions.panel[0].curve[0].n, 32);
}

// A model trained at each of three lengths is one curve, in any order of the grid; the task's sizes remain panels.
static void test_trained(void **state)
{
    static const int lengths[] = { 32, 16, 64 };
    summary *m = start();
    for (int l = 0; models[l]; l++)
        for (int size = 1; size <= 2; size++)
            for (int i = 0; i < 3; i++)
                for (int seed = 0; seed < 2; seed++)
                    if (lengths[i] != 64 || seed == 0)
                        add(m, models[l], arena_text(memory, "train.lengths=%d task.size=%d", lengths[i], size), NULL, seed,
                            lengths[i], 0.002 * size * lengths[i] * (1 + seed));
    const sheet s = laid_out(m, PANELS_AUTO, PLOT_TRAINED);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.n_looks, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(s.panel[i].title, i ? "size 2" : "size 1");
        assert_int_equal(s.panel[i].n, 2);
        const curve *c = &s.panel[i].curve[1];
        assert_string_equal(s.look[c->look].name, "mamba");
        assert_int_equal(c->n, 3);
        assert_int_equal(c->n_seeds, 2);
        for (int k = 0; k < 3; k++) {
            const int length = 16 << k;
            assert_int_equal(c->x[k], length);
            assert_string_equal(c->models[k]->group, arena_text(memory, "train.lengths=%d task.size=%d", length, i + 1));
            for (int seed = 0; seed < 2; seed++) {
                const double error = curve_point(c, &s.axes, seed, k).y;
                if (length == 64 && seed == 1)
                    assert_true(isnan(error));          // no such training
                else
                    assert_true(fabs(error - run_error(c->models[k]->runs[seed], TOKEN_ERROR, length)) <= 1e-12);
            }
        }
        assert_false(curve_unlearned(c));
    }
    const sheet one = sheet_of(m, &(plot_options){ .panels = PANELS_NONE, .x = PLOT_TRAINED }, memory);
    assert_int_equal(one.n, 1);
    assert_int_equal(one.n_looks, 4);
    assert_string_equal(one.look[3].name, "mamba, size 2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_points), TEST(test_one_path), TEST(test_two_paths), TEST(test_arrangements), TEST(test_choice),
        TEST(test_one_models_option), TEST(test_chosen_and_constant), TEST(test_slices), TEST(test_trained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
