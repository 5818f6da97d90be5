// What reaches the disk, and what is there when the n-th operation fails, is cut short or is the last one.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/check.h"
#include "base/file.h"

static arena *memory;
static char folder[256];
static char old_text[5000], new_text[9000];

static const char *in_folder(const char *name) { return arena_text(memory, "%s/%s", folder, name); }

static int files_in(const char *path)
{
    DIR *names = opendir(path);
    int n = -2;                                 // . and ..
    while (readdir(names)) n++;
    closedir(names);
    return n;
}

static void assert_content(const char *path, const char *text, size_t bytes)
{
    error e = { "" };
    size_t n;
    const char *found = file_read(path, &n, memory, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(n, bytes);
    assert_memory_equal(found, text, bytes);
    assert_int_equal(found[n], 0);
}

static bool write_new(const char *path, error *e)
{
    return file_write_parts(path, (file_part[]){ { new_text, 4000 }, { NULL, 0 }, { new_text + 4000, 5000 } }, 3, e);
}

static bool counter_is_there(void)
{
    error e = { "" };
    file_fault_at(0, FAULT_NONE);
    file_write(in_folder("counter"), "", 0, &e);
    file_remove(in_folder("counter"), &e);
    return file_operations() > 0;
}

static void test_write_and_read(void **state)
{
    error e = { "" };
    const char *path = in_folder("a");
    assert_true(file_write(path, old_text, sizeof old_text, &e));
    assert_content(path, old_text, sizeof old_text);
    assert_true(write_new(path, &e));
    assert_content(path, new_text, sizeof new_text);
    assert_true(file_write(path, "", 0, &e));
    assert_content(path, "", 0);
    assert_int_equal(files_in(folder), 1);
    assert_true(file_exists(path));
    assert_true(file_remove(path, &e));
    assert_false(file_exists(path));
    assert_true(file_remove(path, &e));
    assert_string_equal(e.text, "");
}

static void test_links_and_devices(void **state)
{
    error e = { "" };
    const char *target = in_folder("target"), *link = in_folder("link");
    struct stat s;
    assert_true(file_write(target, "old", 3, &e));
    assert_int_equal(symlink("target", link), 0);
    assert_true(file_write(link, "new", 3, &e));                    // what the link points to is replaced, not the link
    assert_content(target, "new", 3);
    assert_int_equal(lstat(link, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    assert_true(file_remove(link, &e) && file_remove(target, &e));
    assert_true(file_write("/dev/null", "x", 1, &e));
    assert_false(file_write("/dev/full", "x", 1, &e));
    assert_string_equal(e.text, "cannot write /dev/full: No space left on device; nothing finished is lost: free some space and "
                                "run the same command again");
}

static void test_reasons(void **state)
{
    static const struct { const char *path, *read, *write; } cases[] = {
        { "no/such", "cannot read %s: No such file or directory", "cannot write %s: No such file or directory" },
        { "", "cannot read %s: Is a directory", "cannot write %s: Is a directory" },
        { "file/below", "cannot read %s: Not a directory; a part of the path is a file",
          "cannot write %s: Not a directory; a part of the path is a file" },
    };
    error e = { "" };
    assert_true(file_write(in_folder("file"), "", 0, &e));
    for (size_t i = 0; i < LEN(cases); i++) {
        const char *path = *cases[i].path ? in_folder(cases[i].path) : folder;
        char expected[600];
        e.text[0] = 0;
        assert_null(file_read(path, NULL, memory, &e));
        snprintf(expected, sizeof expected, cases[i].read, path);
        assert_string_equal(e.text, expected);
        e.text[0] = 0;
        assert_false(file_write(path, "x", 1, &e));
        snprintf(expected, sizeof expected, cases[i].write, path);
        assert_string_equal(e.text, expected);
    }
    e.text[0] = 0;
    assert_true(file_remove(in_folder("file"), &e));
    assert_int_equal(files_in(folder), 0);
}

static void test_reads_pipes(void **state)
{
    error e = { "" };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    if (!fork()) {
        for (int i = 0; i < 30; i++) (void)!write(ends[1], new_text, sizeof new_text);
        _exit(0);
    }
    close(ends[1]);
    size_t n;
    const char *text = file_read(arena_text(memory, "/dev/fd/%d", ends[0]), &n, memory, &e);
    close(ends[0]);
    wait(NULL);
    assert_int_equal(n, 30 * sizeof new_text);
    assert_memory_equal(text + 29 * sizeof new_text, new_text, sizeof new_text);
}

// Create, a write a piece, fsync, rename, fsync of the folder: leave one out and a power cut loses what was promised.
static void test_every_step_is_taken(void **state)
{
    if (!counter_is_there()) skip();
    error e = { "" };
    file_fault_at(0, FAULT_NONE);
    assert_true(file_write(in_folder("a"), "x", 1, &e));
    assert_int_equal(file_operations(), 5);
    assert_true(write_new(in_folder("a"), &e));
    assert_int_equal(file_operations(), 11);
    assert_true(file_remove(in_folder("a"), &e));
    assert_int_equal(file_operations(), 13);
}

static bool is_old_or_new(const char *path, bool *is_new)
{
    size_t n;
    error e = { "" };
    const char *text = file_read(path, &n, memory, &e);
    *is_new = text && n == sizeof new_text && !memcmp(text, new_text, n);
    return *is_new || (text && n == sizeof old_text && !memcmp(text, old_text, n));
}

static void test_a_failure_leaves_old_or_new(void **state)
{
    if (!counter_is_there()) skip();
    const char *path = in_folder("a");
    for (file_fault fault = FAULT_FAIL; fault <= FAULT_SHORT; fault++)
        for (int n = 1; n <= 7; n++) {                          // six steps; the seventh fault does not come
            error e = { "" };
            bool is_new;
            file_fault_at(0, FAULT_NONE);
            assert_true(file_write(path, old_text, sizeof old_text, &e));
            file_fault_at(n, fault);
            const bool ok = write_new(path, &e);
            file_fault_at(0, FAULT_NONE);
            assert_int_equal(ok, n == 7);
            assert_true(is_old_or_new(path, &is_new));
            assert_int_equal(is_new, n >= 6);                   // when only the folder's fsync failed, both are allowed
            if (!ok) assert_non_null(strstr(e.text, "No space left on device; nothing finished is lost"));
            assert_int_equal(files_in(folder), 1);
            assert_true(file_remove(path, &e));
        }
}

static void test_a_kill_leaves_old_or_new(void **state)
{
    if (!counter_is_there()) skip();
    const char *path = in_folder("a");
    for (int n = 1; n <= 7; n++) {
        error e = { "" };
        bool is_new;
        assert_true(file_write(path, old_text, sizeof old_text, &e));
        const pid_t child = fork();
        if (!child) {
            file_fault_at(n, FAULT_DIE);
            _exit(write_new(path, &e) ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, n < 7 ? SIGKILL : 0);
        assert_true(is_old_or_new(path, &is_new));
        assert_int_equal(is_new, n >= 6);
        assert_int_equal(files_in(folder), n >= 2 && n <= 5 ? 2 : 1);
        assert_true(file_remove_leftovers(folder, &e));
        assert_int_equal(files_in(folder), 1);
        assert_true(file_remove(path, &e));
    }
}

static void test_folders(void **state)
{
    error e = { "" };
    const char *deep = in_folder("x/y//z/");
    assert_true(file_make_folder(deep, &e));
    assert_true(file_make_folder(deep, &e));
    assert_true(file_make_folder("/", &e));
    assert_true(file_exists(in_folder("x/y/z")));
    assert_true(file_write(in_folder("x/file"), "", 0, &e));
    assert_string_equal(e.text, "");
    assert_false(file_make_folder(in_folder("x/file/y"), &e));
    assert_non_null(strstr(e.text, "x/file/y: Not a directory; a part of the path is a file"));
    assert_true(file_remove(in_folder("x/file"), &(error){ "" }));
    if (counter_is_there()) {
        e.text[0] = 0;
        file_fault_at(1, FAULT_FAIL);
        assert_false(file_make_folder(in_folder("w"), &e));
        assert_non_null(strstr(e.text, "cannot make the folder"));
        file_fault_at(0, FAULT_NONE);
    }
    assert_int_equal(rmdir(in_folder("x/y/z")) | rmdir(in_folder("x/y")) | rmdir(in_folder("x")), 0);
}

static void append(file_log *log, const char *line)
{
    error e = { "" };
    assert_true(file_log_line(log, line, strlen(line), &e));
}

static void test_log(void **state)
{
    error e = { "" };
    file_log log;
    const char *path = in_folder("log.jsonl");
    assert_true(file_log_open(&log, path, &e));
    append(&log, "{\"step\":1}\n");
    append(&log, "{\"step\":2}\n");
    assert_int_equal(log.bytes, 22);
    assert_true(file_log_sync(&log, &e));
    file_log_close(&log);
    assert_true(file_log_open(&log, path, &e));
    assert_int_equal(log.bytes, 22);
    append(&log, "{\"step\":3}\n");
    assert_false(file_log_cut(&log, 34, &e));
    assert_non_null(strstr(e.text, "has 33 bytes, fewer than the 34 it had once"));
    assert_true(file_log_cut(&log, 11, &e));
    append(&log, "{\"step\":4}\n");
    file_log_close(&log);
    assert_content(path, "{\"step\":1}\n{\"step\":4}\n", 22);
    assert_true(file_remove(path, &e));
}

static void test_log_drops_a_torn_line(void **state)
{
    const char *path = in_folder("log");
    char text[13000];                                           // lines shorter and longer than the piece that is searched
    memset(text, 'x', sizeof text);
    const int ends[] = { 0, 1, 8, 4999, 5000, 12999 };
    for (size_t i = 1; i < LEN(ends); i++) text[ends[i]] = '\n';
    for (int cut = 0; cut <= (int)sizeof text; cut += cut < 20 || cut > 12980 || (cut > 4985 && cut < 5015) ? 1 : 7) {
        error e = { "" };
        file_log log;
        int64_t whole = 0;
        for (size_t i = 1; i < LEN(ends); i++)
            if (ends[i] < cut) whole = ends[i] + 1;
        FILE *file = fopen(path, "w");
        assert_int_equal(fwrite(text, 1, (size_t)cut, file), cut);
        fclose(file);
        assert_true(file_log_open(&log, path, &e));
        assert_int_equal(log.bytes, whole);
        append(&log, "end\n");
        file_log_close(&log);
        size_t n;
        const char *found = file_read(path, &n, memory, &e);
        assert_int_equal(n, whole + 4);
        assert_memory_equal(found, text, whole);
    }
    assert_true(file_remove(path, &(error){ "" }));
}

static void test_log_on_a_full_disk(void **state)
{
    if (!counter_is_there()) skip();
    const char *path = in_folder("log");
    for (file_fault fault = FAULT_FAIL; fault <= FAULT_SHORT; fault++) {
        error e = { "" };
        file_log log;
        assert_true(file_log_open(&log, path, &e));
        append(&log, "first\n");
        file_fault_at(1, fault);
        assert_false(file_log_line(&log, "second\n", 7, &e));
        file_fault_at(0, FAULT_NONE);
        assert_non_null(strstr(e.text, "No space left"));
        append(&log, "third\n");
        file_log_close(&log);
        assert_content(path, "first\nthird\n", 12);
        assert_true(file_remove(path, &e));
    }
}

static void test_lock(void **state)
{
    error e = { "" };
    int mine, other, ready[2], status;
    const char *path = in_folder("lock");
    assert_int_equal(file_lock(path, &mine, &e), LOCK_MINE);
    assert_int_equal(file_lock(path, &other, &e), LOCK_BUSY);           // in this process too
    assert_int_equal(other, -1);
    file_unlock(mine);
    assert_string_equal(e.text, "");

    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (!child) {
        (void)!write(ready[1], file_lock(path, &mine, &e) == LOCK_MINE ? "y" : "n", 1);
        pause();
    }
    char answer;
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    assert_int_equal(file_lock(path, &other, &e), LOCK_BUSY);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_int_equal(file_lock(path, &mine, &e), LOCK_MINE);            // freed by kill -9
    file_unlock(mine);
    file_unlock(-1);
    assert_int_equal(file_lock(in_folder("no/such"), &mine, &e), LOCK_ERROR);
    assert_non_null(strstr(e.text, "cannot lock"));
    assert_true(file_remove(path, &(error){ "" }));
}

static int set_up(void **state)
{
    memory = arena_new();
    for (size_t i = 0; i < sizeof old_text; i++) old_text[i] = (char)(i % 251);
    for (size_t i = 0; i < sizeof new_text; i++) new_text[i] = (char)(i % 241 + 1);
    snprintf(folder, sizeof folder, "%s/scanbench-test-file-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_free(memory);
    return rmdir(folder);                       // not empty: something was left behind
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read), cmocka_unit_test(test_links_and_devices), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_reads_pipes), cmocka_unit_test(test_every_step_is_taken),
        cmocka_unit_test(test_a_failure_leaves_old_or_new),
        cmocka_unit_test(test_a_kill_leaves_old_or_new), cmocka_unit_test(test_folders), cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_drops_a_torn_line), cmocka_unit_test(test_log_on_a_full_disk), cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
