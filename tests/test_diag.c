// Reports in the order of the file, each once; suggestions; the first error is the one kept.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/check.h"
#include "base/diag.h"

// What diag_print writes; to be freed.
static char *printed(const diag *d)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    diag_print(d, out);
    fclose(out);
    return text;
}

static void test_order_and_form(void **state)
{
    diag *d = diag_new();
    diag_error(d, (mark){ "b.yaml", 2, 1 }, "fifth");
    diag_error(d, (mark){ "a.yaml", 10, 1 }, "third");
    diag_error(d, (mark){ "a.yaml", 9, 12 }, "%s", "second");
    diag_error(d, (mark){ "a.yaml", 9, 3 }, "first of %d", 5);
    diag_error(d, (mark){ "a.yaml", 10, 1 }, "fourth, later at the same place");
    diag_error(d, (mark){ "a.yaml", 0, 0 }, "the file as a whole");
    diag_error(d, (mark){ NULL, 0, 0 }, "nowhere");
    char *text = printed(d);
    assert_string_equal(text, "error: nowhere\n"
                              "a.yaml: error: the file as a whole\n"
                              "a.yaml:9:3: error: first of 5\n"
                              "a.yaml:9:12: error: second\n"
                              "a.yaml:10:1: error: third\n"
                              "a.yaml:10:1: error: fourth, later at the same place\n"
                              "b.yaml:2:1: error: fifth\n");
    free(text);
    assert_int_equal(diag_errors(d), 7);
    diag_free(d);
    diag_free(NULL);
}

static void test_equal_reports_count_once(void **state)
{
    diag *d = diag_new();
    char file[] = "a.yaml";
    assert_int_equal(diag_errors(d), 0);
    for (int i = 0; i < 3; i++) diag_error(d, (mark){ file, 1, 2 }, "the same");
    diag_error(d, (mark){ file, 1, 3 }, "the same");
    diag_error(d, (mark){ file, 1, 2 }, "another");
    strcpy(file, "gone");                                       // the names are the diag's own
    char *text = printed(d);
    assert_string_equal(text, "a.yaml:1:2: error: the same\na.yaml:1:2: error: another\na.yaml:1:3: error: the same\n");
    free(text);
    assert_int_equal(diag_errors(d), 3);
    diag_free(d);
}

static void test_messages_stay_one_line(void **state)
{
    diag *d = diag_new();
    diag_error(d, (mark){ NULL, 0, 0 }, "unknown key '%s'", "a\nb\033[31m");
    char *text = printed(d);
    assert_string_equal(text, "error: unknown key 'a b [31m'\n");
    free(text);
    diag_free(d);
}

static void test_a_flood_ends(void **state)
{
    diag *d = diag_new();
    for (int i = 1; i <= 5000; i++) diag_error(d, (mark){ "a", i, 1 }, "bad");
    assert_int_equal(diag_errors(d), 5000);
    char *text = printed(d);
    assert_non_null(strstr(text, "a:1000:1: error: bad\nerror: and 4000 more\n"));
    free(text);
    diag_free(d);
}

static void test_nearest(void **state)
{
    static const char *const words[] = { "d_model", "layers", "heads", "lr", "norm", "psm-softmax", "mamba", "chunk" };
    static const struct { const char *word, *nearest; } cases[] = {
        { "d_modle", "d_model" },     // two letters swapped count as one
        { "d-model", "d_model" },     { "D_Model", "d_model" },      { "layer", "layers" },     { "head", "heads" },
        { "haeds", "heads" },         { "psm_softmax", "psm-softmax" }, { "psm", NULL },        { "manba", "mamba" },
        { "lt", NULL },               { "lrr", "lr" },               { "chnuk", "chunk" },      { "hcnku", NULL },
        { "", NULL },                 { "completely different", NULL }, { "nrm", "norm" },      { "nr", NULL },
        { "a-word-that-is-longer-than-anything-that-could-be-a-key-of-ours-in-any-table", NULL },
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        const char *found = diag_nearest(cases[i].word, words, LEN(words));
        if (cases[i].nearest ? !found || strcmp(found, cases[i].nearest) : found != NULL)
            fail_msg("'%s' → %s, not %s", cases[i].word, found ? found : "nothing",
                     cases[i].nearest ? cases[i].nearest : "nothing");
    }
    static const char *const twins[] = { "beta1", "beta2" };
    assert_string_equal(diag_nearest("beta3", twins, 2), "beta1");      // a draw: the first
}

static void test_error_keeps_the_first(void **state)
{
    error e = { "" };
    assert_false(error_set(&e, "disk %d", 1));
    assert_false(error_set(&e, "disk %d", 2));
    assert_string_equal(e.text, "disk 1");
    assert_false(error_set(NULL, "nobody asks"));
}

static void test_check_aborts_and_says_where(void **state)
{
    int pipe_ends[2], status;
    assert_int_equal(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (!child) {
        dup2(pipe_ends[1], 2);
        CHECK(1 + 1 == 3, "two is %d", 2);
        _exit(0);
    }
    close(pipe_ends[1]);
    char text[1000] = "";
    for (size_t n = 0, got = 1; got; n += got) got = (size_t)read(pipe_ends[0], text + n, sizeof text - 1 - n);
    close(pipe_ends[0]);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_diag.c:"));
    assert_non_null(strstr(text, "CHECK(1 + 1 == 3) failed: two is 2\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_form), cmocka_unit_test(test_equal_reports_count_once),
        cmocka_unit_test(test_messages_stay_one_line),
        cmocka_unit_test(test_a_flood_ends), cmocka_unit_test(test_nearest), cmocka_unit_test(test_error_keeps_the_first),
        cmocka_unit_test(test_check_aborts_and_says_where),
    };
    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
