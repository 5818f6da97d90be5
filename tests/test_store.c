#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/check.h"
#include "results/json.h"
#include "store_fixture.h"

static void test_a_run_from_claim_to_evaluation(void **state)
{
    error err = { 0 };
    progress p = { 0 };
    const char *folder = in_top("deep/store");
    seen none = read_row(folder, ID, &err);              // no store yet: no cells
    assert_true(none.called && !none.result && none.last_step == -1 && !none.busy);
    assert_true(whole_run(folder, &p, &err));
    assert_string_equal(err.text, "");
    seen found = read_row(folder, ID, &err);
    assert_string_equal(json_text_at(found.result, "status.status", ""), "done");
    assert_int_equal(json_int_at(found.result, "format", 0), STORE_FORMAT);
    assert_int_equal(json_array_size(json_at(found.result, "measured.loss_curve")), STEPS);
    assert_int_equal(json_int_at(found.evaluation, "sequences", 0), 64);
    assert_false(found.busy);
    forget(&found);
    assert_string_equal(text_of(in_cell(folder, "config.yaml")), CONFIG);
    // again: ended, nothing is done twice
    const char *before = text_of(in_cell(folder, "result.json"));
    assert_true(whole_run(folder, &p, &err));
    assert_string_equal(text_of(in_cell(folder, "result.json")), before);
}

static void test_unequal_config(void **state)
{
    error err = { 0 };
    store *s = store_open(top, true, memory, &err);
    run *r;
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);
    run_close(r);
    assert_int_equal(store_claim(s, ID, "task: { name: word-problem, group: A4 }\ntrain: { steps: 7 }\nseed: 0\n", &r, &err),
        CLAIM_ERROR);
    assert_null(r);
    assert_non_null(strstr(err.text, "config.yaml"));
    assert_non_null(strstr(err.text, "line 2"));
    err.text[0] = 0;
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);     // the failed claim left no lock
    run_close(r);
}

static void test_two_processes(void **state)
{
    error err = { 0 };
    store *s = store_open(top, true, memory, &err);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);                // should the test fail first
        run *mine;
        const bool good = store_claim(s, ID, CONFIG, &mine, &err) == CLAIM_MINE;
        json_t *line = json_pack("{s:i}", "step", 41);
        (void)!write(ready[1], good && run_log(mine, line, &err) ? "y" : "n", 1);
        pause();
    }
    char answer = 0;
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    run *r;
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_BUSY);
    assert_null(r);
    seen found = read_row(top, ID, &err);
    assert_true(found.busy);
    assert_int_equal(found.last_step, 41);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);
    run *second;
    assert_int_equal(store_claim(s, ID, CONFIG, &second, &err), CLAIM_BUSY);   // not even the same process gets it twice
    run_close(r);
    assert_false(read_row(top, ID, &err).busy);
    close(ready[0]);
    close(ready[1]);
}

static void test_log_after_checkpoint_is_cut(void **state)
{
    error err = { 0 };
    store *s = store_open(top, true, memory, &err);
    run *r;
    int64_t step = 2, found = 0;
    named_array save = { "step", ARRAY_I64, 0, { 0 }, &step }, load = { "step", ARRAY_I64, 0, { 0 }, &found };
    safetensors metadata;
    json_t *line = json_pack("{s:i}", "step", 1);
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);
    assert_false(run_resume(r, &load, 1, &metadata, memory, &err));
    assert_string_equal(err.text, "");                   // none: not an error
    assert_true(run_log(r, line, &err) && run_log(r, line, &err) && run_checkpoint(r, &save, 1, NULL, 0, &err)
        && run_log(r, line, &err));
    run_close(r);
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);
    assert_true(run_resume(r, &load, 1, &metadata, memory, &err));
    assert_int_equal(found, 2);
    json_t *log = store_log(s, ID, &err);
    assert_int_equal(json_array_size(log), 2);
    json_decref(log);
    // reset: nothing but the config is left, and the claim goes on
    assert_true(run_reset(r, &err));
    assert_false(run_resume(r, &load, 1, &metadata, memory, &err));
    assert_true(run_log(r, line, &err));
    run_close(r);
    json_decref(line);
    assert_int_equal(entries_of(in_cell(top, "."), false), 3);      // config.yaml, lock, log.jsonl
}

// A checkpoint vouches for the lines before it, a result for all of them: they reach the disk first.
static void test_log_is_synced_first(void **state)
{
    error unsynced = { 0 }, err = { 0 };
    store *s = store_open(top, true, memory, &err);
    run *r;
    int64_t step = 1;
    named_array save = { "step", ARRAY_I64, 0, { 0 }, &step };
    json_t *line = json_pack("{s:i}", "step", 1);
    assert_int_equal(store_claim(s, "synced", CONFIG, &r, &err), CLAIM_MINE);
    assert_true(run_log(r, line, &err));
    file_fault_at(1, FAULT_FAIL);
    assert_false(run_checkpoint(r, &save, 1, NULL, 0, &unsynced));
    assert_non_null(strstr(unsynced.text, "log.jsonl"));
    unsynced.text[0] = 0;
    file_fault_at(1, FAULT_FAIL);
    assert_false(run_finish(r, RUN_DONE, NULL, line, &unsynced));
    assert_non_null(strstr(unsynced.text, "log.jsonl"));
    file_fault_at(0, FAULT_NONE);
    assert_true(run_checkpoint(r, &save, 1, NULL, 0, &err) && run_finish(r, RUN_DONE, NULL, line, &err));
    run_close(r);
    json_decref(line);
    remove_folder(arena_text(memory, "%s/synced", top));
}

static void test_reset_of_a_failed_run(void **state)
{
    error err = { 0 };
    store *s = store_open(top, true, memory, &err);
    run *r;
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);
    json_t *nothing = json_object();
    assert_true(run_finish(r, RUN_FAILED, "out of memory", nothing, &err));
    json_t *counts = json_pack("{s:i}", "sequences", 1);
    json_decref(nothing);
    assert_true(run_evaluation(r, HASH, counts, &err));
    assert_true(run_has_evaluation(r, HASH) && !run_has_evaluation(r, "another"));
    run_close(r);
    json_decref(counts);
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_ENDED);
    assert_true(run_reset(r, &err));
    run_close(r);
    seen found = read_row(top, ID, &err);
    assert_null(found.result);
    assert_int_equal(store_claim(s, ID, CONFIG, &r, &err), CLAIM_MINE);
    run_close(r);
}

// ---- opening

static void test_reading_writes_nothing(void **state)
{
    error err = { 0 };
    progress p = { 0 };
    assert_true(whole_run(top, &p, &err));
    file_fault_at(0, FAULT_NONE);
    seen found = read_row(top, ID, &err);
    forget(&found);
    const store *s = store_open(top, false, memory, &err);
    json_decref(store_log(s, ID, &err));
    json_decref(store_log(s, "absent", &err));
    assert_int_equal(file_operations(), 0);
    assert_int_equal(entries_of(top, false), 1);
}

static void test_read_only_disk(void **state)
{
    error err = { 0 };
    progress p = { 0 };
    assert_true(whole_run(top, &p, &err));
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount(top, top, NULL, MS_BIND, NULL)
            || mount(top, top, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
            _exit(77);
        seen found = { false };
        const store *s = store_open(top, false, memory, &err);
        const bool read = s && store_read(s, ID, HASH, look, &found, &err) && found.result && found.evaluation && !found.busy;
        error refused = { 0 };
        const bool writes = store_open(top, true, memory, &refused) || !strstr(refused.text, "ead-only")
            || !strstr(refused.text, top);
        _exit(!read ? 1 : writes ? 2 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_opening_says_why_not(void **state)
{
    error err = { 0 };
    assert_null(store_open("/proc/scanbench-store", true, memory, &err));
    assert_non_null(strstr(err.text, "/proc/scanbench-store"));
    assert_null(strchr(err.text, '\n'));
    err.text[0] = 0;
    write_text(in_top("file"), "x", 1);
    assert_null(store_open(in_top("file"), true, memory, &err));
    assert_non_null(strstr(err.text, "cannot be written"));
    err.text[0] = 0;
    assert_null(store_open(in_top("file"), false, memory, &err));
    assert_non_null(strstr(err.text, "cannot be read"));
    err.text[0] = 0;
    assert_null(store_open("", true, memory, &err));
    for (int64_t n = 1; n <= 4; n++) {                   // a full disk at any of the proof's operations
        error full = { 0 };
        file_fault_at(n, FAULT_FAIL);
        assert_null(store_open(in_top("full"), true, memory, &full));
        file_fault_at(0, FAULT_NONE);
        assert_non_null(strstr(full.text, "No space left"));
        assert_non_null(strstr(full.text, "cannot be written"));
    }
    error good = { 0 };
    assert_non_null(store_open(in_top("full"), true, memory, &good));
    assert_int_equal(entries_of(in_top("full"), true), 0);
}

static void add_name(const char *id, void *names) { strcat(strcat(names, id), " "); }

static void test_each(void **state)
{
    error err = { 0 };
    store *s = store_open(top, true, memory, &err);
    static const char *const ids[] = { "b.s1", "a.s10", "a.s2" };
    for (size_t i = 0; i < LEN(ids); i++) {
        run *r;
        assert_int_equal(store_claim(s, ids[i], CONFIG, &r, &err), CLAIM_MINE);
        run_close(r);
    }
    assert_true(file_make_folder(in_top("no-cell"), &err));
    write_text(in_top("notes.txt"), "x", 1);
    char names[256] = "";
    store_each(s, add_name, names);
    assert_string_equal(names, "a.s10 a.s2 b.s1 ");
}

// ---- formats

static void test_later_format_is_refused(void **state)
{
    error err = { 0 };
    progress p = { 0 };
    assert_true(whole_run(top, &p, &err));
    const char later[] = "{\"format\": 2, \"status\": {\"status\": \"done\"}}\n",
        none[] = "{\"status\": {\"status\": \"done\"}}\n", array[] = "[1]\n";
    write_text(in_cell(top, "result.json"), later, sizeof later - 1);
    assert_false(read_row(top, ID, &err).called);
    assert_non_null(strstr(err.text, "later version"));
    err.text[0] = 0;
    write_text(in_cell(top, "result.json"), none, sizeof none - 1);
    assert_false(read_row(top, ID, &err).called);
    err.text[0] = 0;
    write_text(in_cell(top, "result.json"), array, sizeof array - 1);
    assert_false(read_row(top, ID, &err).called);
}

// Written by the first version, kept as it was: every later one must read it.
static void test_store_of_format_1(void **state)
{
    error err = { 0 };
    const char *folder = TEST_DATA "/store-1";
    char names[256] = "";
    store_each(store_open(folder, false, memory, &err), add_name, names);
    assert_string_equal(names, "word-problem.mamba.s1.47d2 word-problem.psm-softmax.s0.9f3c word-problem.transformer.s0.11aa ");
    seen done = read_row(folder, ID, &err);
    assert_string_equal(err.text, "");
    assert_string_equal(json_text_at(done.result, "status.status", ""), "done");
    assert_true(json_real_at(done.result, "measured.validation_curve") != 0);
    assert_int_equal(json_int_at(done.result, "cost.parameters", 0), 25324);
    assert_int_equal(json_int_at(json_array_get(json_at(done.evaluation, "lengths"), 1), "errors", 0), 377);
    assert_true(json_real_at(done.evaluation, "chance") == 11.0 / 12);
    forget(&done);
    seen diverged = read_row(folder, "word-problem.mamba.s1.47d2", &err);
    assert_string_equal(json_text_at(diverged.result, "status.status", ""), "diverged");
    assert_true(isnan(json_to_real(json_array_get(json_array_get(json_at(diverged.result, "measured.loss_curve"), 1), 1))));
    assert_null(diverged.evaluation);
    forget(&diverged);
    seen started = read_row(folder, "word-problem.transformer.s0.11aa", &err);
    assert_true(!started.result && !started.busy);
    assert_int_equal(started.last_step, 50);
    json_t *log = store_log(store_open(folder, false, memory, &err), "word-problem.transformer.s0.11aa", &err);
    assert_int_equal(json_array_size(log), 2);           // its third line was cut off by a crash
    json_decref(log);
    safetensors checkpoint;
    assert_true(safetensors_read(arena_text(memory, "%s/word-problem.transformer.s0.11aa/checkpoint.safetensors", folder),
        &checkpoint, memory, &err));
    assert_string_equal(safetensors_metadata(&checkpoint, "log_bytes"), "71");
}

static void test_json(void **state)
{
    static const struct { double x; const char *text; } cases[] = {
        { 0.1, "[0.1]\n" }, { 1, "[1.0]\n" }, { 30, "[30.0]\n" }, { 0.003, "[0.003]\n" }, { 1e-5, "[1e-05]\n" },
            { 1.0 / 3, "[0.3333333333333333]\n" },
        { 2.1e13, "[21000000000000.0]\n" }, { 1e300, "[1e+300]\n" }, { -0.0, "[-0.0]\n" }, { 5e-324, "[5e-324]\n" },
        { INFINITY, "[\"inf\"]\n" }, { -INFINITY, "[\"-inf\"]\n" }, { NAN, "[\"nan\"]\n" } };
    for (size_t i = 0; i < LEN(cases); i++) {
        json_t *array = json_array();
        json_array_append_new(array, json_from_real(cases[i].x));
        const char *text = json_line(array, memory);
        assert_string_equal(text, cases[i].text);
        error err = { 0 };
        json_t *back = json_parse(text, strlen(text), "here", &err);
        const double x = json_to_real(json_array_get(back, 0));
        assert_true(memcmp(&x, &cases[i].x, sizeof x) == 0 || (isnan(x) && isnan(cases[i].x)));
        json_decref(array);
        json_decref(back);
    }
    error err = { 0 };
    assert_null(json_parse("{\"a\": 1,\n}", 10, "some/file.json", &err));
    assert_non_null(strstr(err.text, "some/file.json:2:"));
    json_t *nested = json_pack("{s:{s:{s:s}}, s:[[i,f],[i,f]]}", "a", "b", "c", "d \"é", "curve", 1, 0.5, 2, 0.25);
    assert_string_equal(json_text_at(nested, "a.b.c", ""), "d \"é");
    assert_null(json_at(nested, "a.x.c"));
    assert_int_equal(json_int_at(nested, "a.b", 7), 7);
    assert_string_equal(json_pages(nested, memory),
        "{\n  \"a\": {\n    \"b\": {\"c\": \"d \\\"é\"}\n  },\n  \"curve\": [[1, 0.5], [2, 0.25]]\n}\n");
    json_decref(nested);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_run_from_claim_to_evaluation), TEST(test_unequal_config), TEST(test_two_processes),
        TEST(test_log_after_checkpoint_is_cut), TEST(test_log_is_synced_first),
        TEST(test_reset_of_a_failed_run), TEST(test_reading_writes_nothing),
        TEST(test_read_only_disk), TEST(test_opening_says_why_not), TEST(test_each), TEST(test_later_format_is_refused),
        TEST(test_store_of_format_1), TEST(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
