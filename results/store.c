#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "results/store.h"
#include "results/json.h"
#include "base/check.h"

const char *const run_status_names[] = { "done", "failed", "diverged" };

struct store { const char *folder; bool write; };
struct run {
    arena   *memory;                    // the run itself lives in it
    char    *folder;
    int      lock;                      // open as long as the claim is held
    bool     ended, log_open;
    file_log log;
    error    log_trouble;               // why the log is not open: kept, so that no line is ever put behind stale ones
};

// ---- the store

static bool prove_writable(const char *folder, error *err)
{
    static const char bytes[4096];
    error why = { 0 };
    arena *a = arena_new();
    const char *probe = arena_text(a, "%s/.write-test-%d", folder, (int)getpid());
    const bool good = file_make_folder(folder, &why) && file_write(probe, bytes, sizeof bytes, &why);
    error ignored = { 0 };
    if (file_exists(probe))
        file_remove(probe, good ? &why : &ignored);
    arena_free(a);
    return !*why.text || error_set(err, "the store %s cannot be written: %s", folder, why.text);
}

store *store_open(const char *folder, bool write, arena *a, error *err)
{
    if (!*folder) {
        error_set(err, "the store's folder has no name");
        return NULL;
    }
    if (write && !prove_writable(folder, err))
        return NULL;
    if (!write && file_exists(folder)) {                // a file, or a folder that may not be listed
        DIR *d = opendir(folder);
        if (!d) {
            error_set(err, "the store %s cannot be read: %s", folder, strerror(errno));
            return NULL;
        }
        closedir(d);
    }
    store *s = arena_zero(a, sizeof *s);
    s->folder = arena_copy(a, folder);
    s->write = write;
    return s;
}

const char *store_folder(const store *s) { return s->folder; }

static void check_id(const char *id)
{
    CHECK(*id && *id != '.' && !strchr(id, '/'), "'%s' cannot be a folder's name", id);
}

// Does any process hold the claim? Asked without writing, so that it works on a read-only disk.
static bool lock_held(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    const bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return held;
}

// One of our JSON files: an object of a format that we know. NULL: the error says why.
static json_t *read_json(const char *path, arena *a, error *err)
{
    size_t bytes;
    const char *text = file_read(path, &bytes, a, err);
    if (!text)
        return NULL;
    json_t *value = json_parse(text, bytes, path, err);
    const json_int_t format = json_int_at(value, "format", 0);
    if (value && format < 1)
        error_set(err, "%s: 'format' is missing: not one of our files", path);
    else if (format > STORE_FORMAT)
        error_set(err, "%s has format %lld, written by a later version; this one reads up to format %d", path,
            (long long)format, STORE_FORMAT);
    else
        return value;
    json_decref(value);
    return NULL;
}

// ---- claims

static char *in_run(const run *r, const char *name) { return arena_text(r->memory, "%s/%s", r->folder, name); }

static int line_of_difference(const char *a, const char *b)
{
    int line = 1;
    for (; *a && *a == *b; a++, b++)
        line += *a == '\n';
    return line;
}

static bool claim_config(run *r, const char *config, error *err)
{
    const char *path = in_run(r, "config.yaml");
    if (!file_exists(path)) {
        if (file_exists(in_run(r, "result.json")) || file_exists(in_run(r, "checkpoint.safetensors")))
            return error_set(err, "%s holds results without a config.yaml: restore the file or remove the folder", r->folder);
        return file_write(path, config, strlen(config), err);
    }
    size_t bytes;
    const char *found = file_read(path, &bytes, r->memory, err);
    if (!found)
        return false;
    if (bytes == strlen(config) && memcmp(found, config, bytes) == 0)
        return true;
    return error_set(err, "%s is not the configuration that its id stands for, they part at line %d: "
                     "remove the folder or restore the file",
                     path, line_of_difference(found, config));
}

static void open_log(run *r, error *err)
{
    r->log_trouble.text[0] = 0;
    r->log_open = file_log_open(&r->log, in_run(r, "log.jsonl"), &r->log_trouble);
    if (!r->log_open)
        error_set(err, "%s", r->log_trouble.text);
}

static claim claim_locked(run *r, const char *config, error *err)
{
    if (!file_remove_leftovers(r->folder, err) || !claim_config(r, config, err))
        return CLAIM_ERROR;
    const char *result = in_run(r, "result.json");
    if (file_exists(result)) {
        json_t *value = read_json(result, r->memory, err);
        r->ended = value;
        json_decref(value);
        return r->ended ? CLAIM_ENDED : CLAIM_ERROR;
    }
    open_log(r, err);
    return r->log_open ? CLAIM_MINE : CLAIM_ERROR;
}

claim store_claim(store *s, const char *id, const char *config, run **claimed, error *err)
{
    check_id(id);
    CHECK(s->write, "the store %s was opened to read", s->folder);
    *claimed = NULL;
    arena *a = arena_new();
    run *r = arena_zero(a, sizeof *r);
    r->memory = a;
    r->lock = -1;
    r->folder = arena_text(a, "%s/%s", s->folder, id);
    claim result = CLAIM_ERROR;
    if (file_make_folder(r->folder, err))
        switch (file_lock(in_run(r, "lock"), &r->lock, err)) {
        case LOCK_MINE:  result = claim_locked(r, config, err); break;
        case LOCK_BUSY:  result = CLAIM_BUSY; break;
        case LOCK_ERROR: break;
        }
    if (result == CLAIM_MINE || result == CLAIM_ENDED)
        *claimed = r;
    else
        run_close(r);
    return result;
}

void run_close(run *r)
{
    if (!r)
        return;
    if (r->log_open)
        file_log_close(&r->log);
    if (r->lock >= 0)
        file_unlock(r->lock);
    arena_free(r->memory);
}

const char *run_folder(const run *r) { return r->folder; }

// ---- a run's log and checkpoint

bool run_log(run *r, const json_t *line, error *err)
{
    CHECK(!r->ended, "a line for the log of %s, which has ended", r->folder);
    if (!r->log_open)
        return error_set(err, "%s", r->log_trouble.text);
    const arena_mark start = arena_save(r->memory);
    const char *text = json_line(line, r->memory);
    const bool good = file_log_line(&r->log, text, strlen(text), err);
    arena_restore(r->memory, start);
    return good;
}

bool run_checkpoint(run *r, const named_array *array, int n, const char *const (*state)[2], int n_state, error *err)
{
    CHECK(!r->ended, "a checkpoint of %s, which has ended", r->folder);
    if (!r->log_open)
        return error_set(err, "%s", r->log_trouble.text);
    const arena_mark start = arena_save(r->memory);
    const char *(*metadata)[2] = arena_take(r->memory, ((size_t)n_state + 1) * sizeof *metadata);
    for (int i = 0; i < n_state; i++)
        metadata[i][0] = state[i][0], metadata[i][1] = state[i][1];
    metadata[n_state][0] = "log_bytes";
    metadata[n_state][1] = arena_text(r->memory, "%lld", (long long)r->log.bytes);
    const bool good = file_log_sync(&r->log, err)       // first: the checkpoint vouches for these lines
        && safetensors_write(in_run(r, "checkpoint.safetensors"), array, n, (const char *const (*)[2])metadata, n_state + 1, err);
    arena_restore(r->memory, start);
    return good;
}

static bool same_form(const named_array *a, const named_array *b)
{
    return a->type == b->type && a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

static bool fill_arrays(const safetensors *from, named_array *array, int n, const char *path, error *err)
{
    for (int i = 0; i < n; i++) {
        const named_array *found = safetensors_find(from, array[i].name);
        if (!found)
            return error_set(err, "%s has no array '%s'", path, array[i].name);
        if (!same_form(found, &array[i]))
            return error_set(err, "%s: the array '%s' has another type or shape than this program gives it", path, array[i].name);
    }
    for (int i = 0; i < n; i++)
        memcpy(array[i].data, safetensors_find(from, array[i].name)->data, array_bytes(&array[i]));
    return true;
}

// The log's length when the checkpoint was written; −1 where the file says nothing usable, or more than there is.
static int64_t checkpoint_log_bytes(const run *r, const safetensors *from, const char *path, error *err)
{
    const char *text = safetensors_metadata(from, "log_bytes");
    char *end = NULL;
    errno = 0;
    const long long bytes = text ? strtoll(text, &end, 10) : -1;
    if (!text || end == text || *end || errno || bytes < 0)
        error_set(err, "%s does not say how long its log was", path);
    else if (bytes > r->log.bytes)
        error_set(err, "%s belongs to a log of %lld bytes, but %s has only %lld", path, bytes, r->log.path,
            (long long)r->log.bytes);
    else
        return bytes;
    return -1;
}

// False: the log is closed, so that nothing can be added behind lines that should be gone.
static bool cut_log(run *r, int64_t bytes, error *err)
{
    if (!r->log_open)
        return error_set(err, "%s", r->log_trouble.text);
    if (file_log_cut(&r->log, bytes, &r->log_trouble))
        return true;
    file_log_close(&r->log);
    r->log_open = false;
    return error_set(err, "%s", r->log_trouble.text);
}

// Keeps a damaged checkpoint for whoever wants to look, out of the way.
static bool set_aside(run *r, const char *path, error *err)
{
    size_t bytes;
    const arena_mark start = arena_save(r->memory);
    const char *data = file_read(path, &bytes, r->memory, err);
    const bool good = data && file_write(in_run(r, "checkpoint.damaged"), data, bytes, err) && file_remove(path, err);
    arena_restore(r->memory, start);
    return good;
}

static void start_again(run *r, const char *path, const char *why, error *err)
{
    error trouble = { 0 };
    if (set_aside(r, path, &trouble)) {
        if (cut_log(r, 0, err))
            error_set(err, "%s; set aside as checkpoint.damaged, the run starts again", why);
        return;
    }
    error_set(&r->log_trouble, "%s; and it cannot be set aside: %s", why, trouble.text);
    error_set(err, "%s", r->log_trouble.text);
    if (r->log_open)
        file_log_close(&r->log);
    r->log_open = false;
}

bool run_resume(run *r, named_array *array, int n, safetensors *state, arena *a, error *err)
{
    const char *path = in_run(r, "checkpoint.safetensors");
    memset(state, 0, sizeof *state);
    if (!file_exists(path)) {
        if (!r->ended)
            cut_log(r, 0, err);
        return false;
    }
    error why = { 0 };
    int64_t bytes = 0;
    const bool good = safetensors_read(path, state, a, &why)
        && (r->ended || (bytes = checkpoint_log_bytes(r, state, path, &why)) >= 0)
        && fill_arrays(state, array, n, path, &why);
    if (good)
        return r->ended || cut_log(r, bytes, err);
    memset(state, 0, sizeof *state);
    if (r->ended)
        return error_set(err, "%s", why.text);
    start_again(r, path, why.text, err);
    return false;
}

// ---- results

static bool write_json(run *r, const char *name, const json_t *value, error *err)
{
    const arena_mark start = arena_save(r->memory);
    const char *text = json_pages(value, r->memory);
    const bool good = file_write(in_run(r, name), text, strlen(text), err);
    arena_restore(r->memory, start);
    return good;
}

bool run_finish(run *r, run_status status, const char *reason, json_t *result, error *err)
{
    CHECK(!r->ended, "%s has ended already", r->folder);
    if (r->log_open && !file_log_sync(&r->log, err))
        return false;
    json_t *whole = json_pack("{s:i, s:{s:s, s:s}}", "format", STORE_FORMAT, "status", "status", run_status_names[status],
        "reason", reason ? reason : "");
    CHECK(whole, "the reason '%s' is not UTF-8", reason);
    json_object_update_missing(whole, result);
    const bool good = write_json(r, "result.json", whole, err);
    json_decref(whole);
    r->ended = good;
    return good;
}

static char *evaluation_name(arena *a, const char *hash)
{
    check_id(hash);
    return arena_text(a, "evaluate-%s.json", hash);
}

bool run_evaluation(run *r, const char *hash, const json_t *counts, error *err)
{
    CHECK(r->ended, "an evaluation of %s, which has not ended", r->folder);
    json_t *whole = json_pack("{s:i}", "format", STORE_FORMAT);
    json_object_update_missing(whole, (json_t *)counts);
    const bool good = write_json(r, evaluation_name(r->memory, hash), whole, err);
    json_decref(whole);
    return good;
}

bool run_has_evaluation(const run *r, const char *hash)
{
    error damaged = { 0 };
    const char *path = in_run(r, evaluation_name(r->memory, hash));
    json_t *value = file_exists(path) ? read_json(path, r->memory, &damaged) : NULL;
    const bool has = value;
    json_decref(value);
    return has;
}

// result.json goes last: killed half-way, the run is still an ended one and can be reset again.
bool run_reset(run *r, error *err)
{
    static const char *const names[] = { "checkpoint.safetensors", "checkpoint.damaged", "log.jsonl", "result.json" };
    if (r->log_open)
        file_log_close(&r->log);
    r->log_open = false;
    DIR *folder = opendir(r->folder);
    bool good = folder || error_set(err, "cannot read %s: %s", r->folder, strerror(errno));
    for (struct dirent *entry; good && (entry = readdir(folder));)
        if (strncmp(entry->d_name, "evaluate-", 9) == 0)
            good = file_remove(in_run(r, entry->d_name), err);
    if (folder)
        closedir(folder);
    for (size_t i = 0; good && i < LEN(names); i++)
        good = !file_exists(in_run(r, names[i])) || file_remove(in_run(r, names[i]), err);
    if (good) {
        r->ended = false;
        open_log(r, err);
        return r->log_open;
    }
    error_set(&r->log_trouble, "%s could not be reset", r->folder);
    return false;
}

// ---- reading

// Lines of a log in order; what stands behind the last line's end is not part of it. False: a line is damaged.
static bool each_line(const char *text, const char *path, bool (*see)(json_t *, void *), void *data, error *err)
{
    int line = 1;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1, line++) {
        json_error_t trouble;
        json_t *value = json_loadb(text, (size_t)(end - text), 0, &trouble);
        const bool last = !strchr(end + 1, '\n');
        if (!value)
            return last || error_set(err, "%s:%d: not valid JSON: %s", path, line, trouble.text);
        const bool go_on = see(value, data);
        json_decref(value);
        if (!go_on)
            break;
    }
    return true;
}

static bool add_line(json_t *value, void *lines) { return json_array_append(lines, value) == 0; }

json_t *store_log(const store *s, const char *id, error *err)
{
    check_id(id);
    arena *a = arena_new();
    const char *path = arena_text(a, "%s/%s/log.jsonl", s->folder, id), *text = "";
    json_t *lines = json_array();
    if ((file_exists(path) && !(text = file_read(path, NULL, a, err))) || !each_line(text, path, add_line, lines, err)) {
        json_decref(lines);
        lines = NULL;
    }
    arena_free(a);
    return lines;
}

// The step of the last whole line that has one, looking from the end.
static json_int_t last_step(const char *path, arena *a)
{
    error unreadable = { 0 };
    size_t bytes;
    char *text = file_exists(path) ? file_read(path, &bytes, a, &unreadable) : NULL;
    char *end = text ? memrchr(text, '\n', bytes) : NULL;
    json_int_t step = -1;
    while (step < 0 && end) {
        char *before = memrchr(text, '\n', (size_t)(end - text)), *start = before ? before + 1 : text;
        json_t *line = json_loadb(start, (size_t)(end - start), 0, NULL);
        step = json_int_at(line, "step", -1);
        json_decref(line);
        end = before;
    }
    return step;
}

bool store_read(const store *s, const char *id, const char *evaluation_hash, bool (*see)(const row *, void *), void *data,
                error *err)
{
    check_id(id);
    arena *a = arena_new();
    const char *folder = arena_text(a, "%s/%s", s->folder, id), *path = arena_text(a, "%s/result.json", folder);
    row found = { .id = id, .last_step = -1 };
    json_t *result = NULL, *evaluation = NULL;
    bool good = true;
    if (file_exists(path))
        good = (result = read_json(path, a, err));
    else
        found.last_step = last_step(arena_text(a, "%s/log.jsonl", folder), a);
    if (result && evaluation_hash) {
        error damaged = { 0 };
        path = arena_text(a, "%s/%s", folder, evaluation_name(a, evaluation_hash));
        if (file_exists(path))
            evaluation = read_json(path, a, &damaged);
    }
    found.result = result;
    found.evaluation = evaluation;
    found.busy = lock_held(arena_text(a, "%s/lock", folder));
    good = good && see(&found, data);
    json_decref(result);
    json_decref(evaluation);
    arena_free(a);
    return good;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

void store_each(const store *s, void (*see)(const char *id, void *), void *data)
{
    struct dirent **entry;
    const int n = scandir(s->folder, &entry, not_hidden, by_name);
    for (int i = 0; i < n; i++) {
        char *config;
        CHECK(asprintf(&config, "%s/%s/config.yaml", s->folder, entry[i]->d_name) >= 0, "no memory for a path");
        if (file_exists(config))
            see(entry[i]->d_name, data);
        free(config);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
}
