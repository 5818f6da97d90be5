#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "results/json.h"
#include "store_fixture.h"

const char ID[] = "word-problem.psm-softmax.s0.9f3c", HASH[] = "18-178-2048";
const char CONFIG[] = "task: { name: word-problem, group: A4 }\ntrain: { steps: 6 }\nseed: 0\n";
arena *memory;
char top[256];

int set_up(void **state)
{
    memory = arena_new();
    snprintf(top, sizeof top, "%s/scanbench-store-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(top) ? 0 : -1;
}

void remove_folder(const char *path)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

int tear_down(void **state)
{
    remove_folder(top);
    arena_free(memory);
    return 0;
}

const char *in_top(const char *name) { return arena_text(memory, "%s/%s", top, name); }
const char *in_cell(const char *folder, const char *file) { return arena_text(memory, "%s/%s/%s", folder, ID, file); }

// ---- the training in miniature

static json_t *result_of_log(const store *s, error *err)
{
    json_t *log = store_log(s, ID, err), *curve = json_array(), *line;
    size_t i;
    json_array_foreach(log, i, line)
        json_array_append_new(curve, json_pack("[O, O]", json_object_get(line, "step"), json_object_get(line, "loss")));
    json_decref(log);
    return json_pack("{s:{s:{s:s}}, s:{s:i, s:o}}", "cell", "task", "group", "A4", "measured", "steps", STEPS, "loss_curve",
        curve);
}

static bool train(store *s, run *r, progress *p, error *err)
{
    double weight[2] = { 1, 2 };
    int64_t step = 0;
    named_array arrays[] = { { "weight", ARRAY_F64, 1, { 2 }, weight }, { "step", ARRAY_I64, 0, { 0 }, &step } };
    safetensors state;
    if (!run_resume(r, arrays, 2, &state, memory, err) && *err->text)
        return false;
    p->logged = (int)step;
    while (step < STEPS) {
        step++;
        weight[0] = weight[0] / 3 + weight[1];
        weight[1] = weight[0] - weight[1] / 7;
        json_t *line = json_pack("{s:I, s:f}", "step", (json_int_t)step, "loss", weight[1]);
        const bool logged = run_log(r, line, err);
        json_decref(line);
        if (!logged)
            return false;
        if (step % 2 == 0 && !run_checkpoint(r, arrays, 2, (const char *const[][2]){ { "stage", "3" } }, 1, err))
            return false;
    }
    json_t *result = result_of_log(s, err);
    p->finished = result && run_finish(r, RUN_DONE, NULL, result, err);
    json_decref(result);
    return p->finished;
}

static bool evaluate(run *r, progress *p, error *err)
{
    if (run_has_evaluation(r, HASH))
        return p->evaluated = true;
    json_t *counts = json_pack("{s:s, s:i, s:[{s:i, s:i, s:f}]}", "split", "test", "sequences", 64, "lengths", "length", 18,
        "errors", 5, "loss", 0.1);
    p->evaluated = run_evaluation(r, HASH, counts, err);
    json_decref(counts);
    return p->evaluated;
}

bool whole_run(const char *folder, progress *p, error *err)
{
    store *s = store_open(folder, true, memory, err);
    run *r = NULL;
    if (!s)
        return false;
    const claim c = store_claim(s, ID, CONFIG, &r, err);
    p->finished = c == CLAIM_ENDED;
    const bool good = (c == CLAIM_ENDED || (c == CLAIM_MINE && train(s, r, p, err))) && evaluate(r, p, err);
    run_close(r);
    return good;
}

const char *text_of(const char *path)
{
    error err = { 0 };
    return file_exists(path) ? file_read(path, NULL, memory, &err) : NULL;
}

void write_text(const char *path, const char *text, size_t bytes)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

// ---- reading

bool look(const row *r, void *data)
{
    *(seen *)data = (seen){ true, json_deep_copy(r->result), json_deep_copy(r->evaluation), r->last_step, r->busy };
    return true;
}

seen read_row(const char *folder, const char *id, error *err)
{
    seen found = { false };
    const store *s = store_open(folder, false, memory, err);
    assert_non_null(s);
    const bool good = store_read(s, id, HASH, look, &found, err);
    assert_int_equal(good, found.called);
    return found;
}

void forget(seen *s)
{
    json_decref(s->result);
    json_decref(s->evaluation);
}

int entries_of(const char *folder, bool hidden)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += hidden ? e->d_name[0] == '.' && strcmp(e->d_name, ".") && strcmp(e->d_name, "..") : e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}
