// What a disk can do to a store: operations that fail, stop half-way or are a process's last; files cut off at every byte.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/check.h"
#include "results/json.h"
#include "store_fixture.h"

// Every operation that changes the disk fails, stops half-way or is the last one of the process: a fresh process then ends
// with the same bytes as an undisturbed run, and whatever had been promised was there.
static int disturbed_run(const char *folder, int64_t n, file_fault fault, progress *shared)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        error err = { 0 };
        file_fault_at(n, fault);
        const bool good = whole_run(folder, shared, &err), fired = n > 0 && file_operations() >= n;
        _exit(good ? (fired ? 1 : 0) : *err.text ? 2 : 3);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGKILL ? 9 : 4;
}

static void check_promises(const char *folder, const progress *promised, const char *result, const char *evaluation)
{
    error err = { 0 };
    seen found = read_row(folder, ID, &err);
    assert_string_equal(err.text, "");
    assert_true(found.called);
    if (promised->finished)
        assert_string_equal(json_pages(found.result, memory), result);
    if (promised->evaluated)
        assert_string_equal(json_pages(found.evaluation, memory), evaluation);
    if (found.result)                                   // not promised, but there: then it is whole
        assert_string_equal(json_pages(found.result, memory), result);
    forget(&found);
}

static void test_faults(void **state)
{
    static const char *const files[] = { "config.yaml", "log.jsonl", "checkpoint.safetensors", "result.json" };
    progress *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    error err = { 0 };
    const char *good = in_top("undisturbed"), *evaluation_name = arena_text(memory, "evaluate-%s.json", HASH);
    assert_true(whole_run(good, shared, &err));
    const char *result = text_of(in_cell(good, "result.json")), *evaluation = text_of(in_cell(good, evaluation_name));
    for (file_fault fault = FAULT_FAIL; fault <= FAULT_DIE; fault++) {
        int outcome = -1;
        int64_t n = 0;
        while (outcome != 0) {
            const char *folder = in_top("disturbed");
            remove_folder(folder);
            *shared = (progress){ 0 };
            outcome = disturbed_run(folder, ++n, fault, shared);
            if (outcome == 3 || outcome == 4)
                print_error("operation %lld, fault %d: failed without a reason, or crashed\n", (long long)n, fault);
            assert_true(outcome <= 2 || outcome == 9);
            const progress promised = *shared;
            check_promises(folder, &promised, result, evaluation);
            assert_int_equal(disturbed_run(folder, 0, FAULT_NONE, shared), 0);
            for (size_t i = 0; i < LEN(files); i++)
                if (strcmp(files[i], "checkpoint.safetensors") != 0)
                    assert_string_equal(text_of(in_cell(folder, files[i])), text_of(in_cell(good, files[i])));
            assert_string_equal(text_of(in_cell(folder, evaluation_name)), evaluation);
            assert_int_equal(entries_of(in_cell(folder, "."), true), 0);       // no leftovers of writes cut short
            assert_true(n < 500);
        }
        print_message("fault %d: %lld operations\n", fault, (long long)n - 1);
        assert_true(n > 30);
    }
    munmap(shared, sizeof *shared);
}

// ---- truncation

static void cut_result(const char *folder, const char *path, const char *whole, size_t cut, size_t size)
{
    error err = { 0 };
    seen found = read_row(folder, ID, &err);
    assert_int_equal(found.called, cut == size - 1);     // but for the last line's end, a cut object is no object
    if (!found.called)
        assert_non_null(strstr(err.text, "result.json"));
    else
        assert_string_equal(json_pages(found.result, memory), whole);
    forget(&found);
    run *r;
    error claimed = { 0 };
    assert_int_equal(store_claim(store_open(folder, true, memory, &claimed), ID, CONFIG, &r, &claimed), cut == size - 1
        ? CLAIM_ENDED : CLAIM_ERROR);
    run_close(r);
}

static void cut_evaluation(const char *folder, const char *path, const char *whole, size_t cut, size_t size)
{
    error err = { 0 };
    seen found = read_row(folder, ID, &err);
    assert_true(found.called && found.result);
    if (cut < size - 1)
        assert_null(found.evaluation);
    else
        assert_string_equal(json_pages(found.evaluation, memory), whole);
    forget(&found);
    progress p = { 0 };                                  // and it is made again
    assert_true(whole_run(folder, &p, &err));
    error read = { 0 };
    found = read_row(folder, ID, &read);
    assert_string_equal(json_pages(found.evaluation, memory), whole);
    forget(&found);
}

static void cut_config(const char *folder, const char *path, const char *whole, size_t cut, size_t size)
{
    error err = { 0 };
    run *r;
    assert_int_equal(store_claim(store_open(folder, true, memory, &err), ID, CONFIG, &r, &err), CLAIM_ERROR);
    assert_non_null(strstr(err.text, "config.yaml"));
}

static void cut_log(const char *folder, const char *path, const char *whole, size_t cut, size_t size)
{
    error err = { 0 };
    json_t *log = store_log(store_open(folder, false, memory, &err), ID, &err);
    assert_non_null(log);
    size_t lines = 0, i;
    for (size_t k = 0; k < cut; k++)
        lines += whole[k] == '\n';
    assert_int_equal(json_array_size(log), lines);
    json_t *line;
    json_array_foreach(log, i, line)
        assert_int_equal(json_int_at(line, "step", 0), (int)i + 1);
    json_decref(log);
}

static void test_truncation(void **state)
{
    const struct { const char *name; void (*check)(const char *, const char *, const char *, size_t, size_t); } files[] = {
        { "result.json", cut_result }, { arena_text(memory, "evaluate-%s.json", HASH), cut_evaluation },
            { "config.yaml", cut_config }, { "log.jsonl", cut_log } };
    error err = { 0 };
    progress p = { 0 };
    assert_true(whole_run(top, &p, &err));
    for (size_t i = 0; i < LEN(files); i++) {
        const char *path = in_cell(top, files[i].name), *whole = text_of(path);
        const size_t size = strlen(whole);
        for (size_t cut = 0; cut < size; cut++) {
            const arena_mark start = arena_save(memory);
            write_text(path, whole, cut);
            files[i].check(top, path, whole, cut, size);
            arena_restore(memory, start);
        }
        write_text(path, whole, size);
    }
}

// An interrupted run with a checkpoint (after step 4) and lines behind it.
static void interrupt(const char *folder)
{
    error err = { 0 };
    progress p = { 0 };
    assert_true(whole_run(folder, &p, &err));
    assert_int_equal(remove(in_cell(folder, "result.json")), 0);
}

static void resume_after(const char *folder, const char *what, bool usable)
{
    error err = { 0 };
    run *r;
    double weight[2] = { -1, -1 };
    int64_t step = -1;
    named_array arrays[] = { { "weight", ARRAY_F64, 1, { 2 }, weight }, { "step", ARRAY_I64, 0, { 0 }, &step } };
    safetensors metadata;
    const store *s = store_open(folder, true, memory, &err);
    assert_int_equal(store_claim((store *)s, ID, CONFIG, &r, &err), CLAIM_MINE);
    const bool resumed = run_resume(r, arrays, 2, &metadata, memory, &err);
    assert_int_equal(resumed, usable);
    if (resumed) {
        assert_int_equal(step, STEPS);
        assert_string_equal(safetensors_metadata(&metadata, "stage"), "3");
    } else {
        assert_int_equal(step, -1);                      // all or nothing
        assert_true(weight[0] == -1 && weight[1] == -1);
        assert_non_null(strstr(err.text, "starts again"));
        assert_true(file_exists(in_cell(folder, "checkpoint.damaged"))
            && !file_exists(in_cell(folder, "checkpoint.safetensors")));
        error read = { 0 };
        json_t *log = store_log(s, ID, &read);
        assert_int_equal(json_array_size(log), 0);
        json_decref(log);
    }
    run_close(r);
    progress p = { 0 };
    error again = { 0 };
    assert_true(whole_run(folder, &p, &again));
}

static void test_truncated_checkpoint(void **state)
{
    interrupt(top);
    error err = { 0 };
    size_t size;
    const char *path = in_cell(top, "checkpoint.safetensors"), *whole = file_read(path, &size, memory, &err);
    const char *result = NULL;
    for (size_t cut = 0; cut <= size; cut++) {
        const arena_mark start = arena_save(memory);
        write_text(path, whole, cut);
        resume_after(top, "checkpoint", cut == size);
        result = text_of(in_cell(top, "result.json"));
        assert_non_null(strstr(result, "\"done\""));
        assert_int_equal(remove(in_cell(top, "result.json")), 0);
        arena_restore(memory, start);
    }
    // a log shorter than the checkpoint knows: those lines can never come back, so it starts again
    const char *log = text_of(in_cell(top, "log.jsonl"));
    write_text(in_cell(top, "log.jsonl"), log, strlen(log) - 3);
    resume_after(top, "log", false);
}

// A checkpoint of another program: array missing, or of another shape.
static void test_foreign_checkpoint(void **state)
{
    interrupt(top);
    error err = { 0 };
    float other[3] = { 0 };
    const named_array arrays[] = { { "weight", ARRAY_F32, 1, { 3 }, other } };
    assert_true(safetensors_write(in_cell(top, "checkpoint.safetensors"), arrays, 1,
        (const char *const[][2]){ { "log_bytes", "0" } }, 1, &err));
    resume_after(top, "foreign", false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_faults), TEST(test_truncation), TEST(test_truncated_checkpoint),
        TEST(test_foreign_checkpoint) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
