#include "harness/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/cell.h"
#include "harness/progress.h"
#include "harness/signals.h"
#include "harness/stages.h"
#include "nn/cpu.h"
#include "results/json.h"
#include "results/summary.h"

enum { MAX_JOBS = 256 };

typedef struct child {
    pid_t         pid;                          // 0: free
    const cell   *cell;
    int           out, err, threads;
    int           cores[64], n_cores;
    char          line[512], last_words[512];   // unfinished output; what it said on standard error
    int           line_length;
    double        started, rate_from, rate_tokens;
    progress_cell shown;
} child;

typedef struct runner {
    const run_options *o;
    const sweep *sweep;
    store *store;
    int  n_waiting, *waiting;                   // indices of cells, the longest work first
    double *work, work_all, work_done;          // by cell: what a training costs, in arbitrary units
    child  child[MAX_JOBS];
    int    jobs, threads, n_cores, n_done, n_all;
    cpu_set_t free_cores;
    run_counts counts;
    progress_bar bar;
    error *error;
} runner;

int cores_available(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// ---- what is to be done

typedef enum { WORK_NEEDED, WORK_DONE, WORK_DIVERGED, WORK_FAILED } need;

static bool see_need(const row *r, void *data)
{
    const char *status = r->result ? json_text_at(r->result, "status.status", "") : "";
    need *n = data;
    if (strcmp(status, run_status_names[RUN_DIVERGED]) == 0)    *n = WORK_DIVERGED;
    else if (strcmp(status, run_status_names[RUN_FAILED]) == 0) *n = WORK_FAILED;
    else *n = r->result && r->evaluation ? WORK_DONE : WORK_NEEDED;
    return true;
}

static bool need_of(runner *r, const cell *c, need *n)
{
    *n = WORK_NEEDED;
    return store_read(r->store, c->id, c->evaluation, see_need, n, r->error);
}

static bool reset_failed(runner *r, const cell *c)
{
    run *claimed = NULL;
    const claim got = store_claim(r->store, c->id, c->config, &claimed, r->error);
    const bool done = got == CLAIM_BUSY || (got != CLAIM_ERROR && run_reset(claimed, r->error));
    run_close(claimed);
    return done;
}

static bool same_cell_before(const sweep *s, const bool *chosen, int i)
{
    for (int j = 0; j < i; j++)
        if (chosen[j] && strcmp(s->cell[i].id, s->cell[j].id) == 0) return true;
    return false;
}

static const runner *sorted_runner;
static int by_work(const void *a, const void *b)
{
    const double x = sorted_runner->work[*(const int *)a], y = sorted_runner->work[*(const int *)b];
    return x < y ? 1 : x > y ? -1 : *(const int *)a - *(const int *)b;
}

static bool plan(runner *r, const bool *chosen, arena *a)
{
    const sweep *s = r->sweep;
    r->waiting = arena_take(a, s->n * sizeof(int));
    r->work = arena_zero(a, s->n * sizeof(double));
    for (int i = 0; i < s->n; i++) {
        need n;
        if (!chosen[i] || same_cell_before(s, chosen, i)) continue;
        if (!need_of(r, &s->cell[i], &n)) return false;
        r->n_all++;
        if (n == WORK_FAILED && r->o->retry_failed) {
            if (!reset_failed(r, &s->cell[i])) return false;
            n = WORK_NEEDED;
        }
        if (n == WORK_NEEDED) r->waiting[r->n_waiting++] = i;
        else r->n_done++;
        r->counts.done += n == WORK_DONE;
        r->counts.diverged += n == WORK_DIVERGED;
        r->counts.failed += n == WORK_FAILED;
        const train_options *t = &s->cell[i].variant->options.train;
        r->work[i] = (double)variant_parameters(s->cell[i].variant) * t->steps * t->batch * train_longest(t);
        if (n == WORK_NEEDED) r->work_all += r->work[i];
    }
    r->counts.skipped = r->n_done;
    sorted_runner = r;
    qsort(r->waiting, r->n_waiting, sizeof(int), by_work);
    return true;
}

// ---- children

static void give_cores(runner *r, child *c)
{
    c->n_cores = 0;
    for (int i = 0; i < CPU_SETSIZE && c->n_cores < c->threads && c->n_cores < 64; i++)
        if (CPU_ISSET(i, &r->free_cores)) {
            CPU_CLR(i, &r->free_cores);
            c->cores[c->n_cores++] = i;
        }
}

static void take_cores_back(runner *r, child *c)
{
    for (int i = 0; i < c->n_cores; i++) CPU_SET(c->cores[i], &r->free_cores);
}

// In the child, between fork and exec: standard input holds the variant, output and errors go to the parent.
static _Noreturn void become_cell(const runner *r, const child *c, int text, int out, int err)
{
    char seed[16], threads[16], every[32];
    snprintf(seed, sizeof seed, "%d", c->cell->seed);
    snprintf(threads, sizeof threads, "%d", c->threads);
    snprintf(every, sizeof every, "%.17g", r->o->checkpoint_every);
    dup2(text, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (c->n_cores == c->threads) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (int i = 0; i < c->n_cores; i++) CPU_SET(c->cores[i], &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    execl("/proc/self/exe", "scanbench", "--cpu", cpu_level_names[cpu_current()], "cell", seed, threads, every, r->o->store,
          (char *)NULL);
    _exit(127);
}

static bool start_child(runner *r, child *c, const cell *cell, int threads)
{
    int out[2], err[2];
    const int text = memfd_create("cell", MFD_CLOEXEC);
    const char *description = cell->variant->text;
    if (text < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) || pipe2(err, O_CLOEXEC | O_NONBLOCK))
        return error_set(r->error, "cannot start a run: %s", strerror(errno));
    const ssize_t length = (ssize_t)strlen(description);
    CHECK(write(text, description, length) == length && lseek(text, 0, SEEK_SET) == 0, "memory file");
    *c = (child){ .cell = cell, .out = out[0], .err = err[0], .threads = threads, .started = progress_clock(),
                  .shown = { .label = cell->variant->label, .seed = cell->seed } };
    give_cores(r, c);
    fcntl(out[1], F_SETFL, 0);
    fcntl(err[1], F_SETFL, 0);
    c->pid = fork();
    if (c->pid == 0) become_cell(r, c, text, out[1], err[1]);
    close(text);
    close(out[1]);
    close(err[1]);
    return c->pid > 0 || error_set(r->error, "cannot start a run: %s", strerror(errno));
}

// As many threads as the free cores allow, where fewer cells wait than could run.
static bool start_waiting(runner *r)
{
    for (int j = 0; j < r->jobs && r->n_waiting > 0; j++) {
        if (r->child[j].pid) continue;
        int places = 0;
        for (int k = j; k < r->jobs; k++) places += r->child[k].pid == 0;
        const int sharing = places < r->n_waiting ? places : r->n_waiting, free_cores = CPU_COUNT(&r->free_cores);
        int threads = r->threads ? r->threads : free_cores / sharing;
        if (threads < 1) threads = 1;
        const cell *next = &r->sweep->cell[r->waiting[0]];
        memmove(r->waiting, r->waiting + 1, --r->n_waiting * sizeof(int));
        if (!start_child(r, &r->child[j], next, threads)) return false;
    }
    return true;
}

static void read_report(child *c, const char *line)
{
    progress_cell *p = &c->shown;
    long long step, steps;
    double tokens;
    if (strcmp(line, "evaluate") == 0) p->evaluating = true;
    if (sscanf(line, "step %lld %lld %d %d %d %lg %lg %lg", &step, &steps, &p->stage, &p->stages, &p->length, &p->loss, &p->error,
               &tokens) != 8) return;
    const double now = progress_clock();
    if (c->rate_from > 0 && now > c->rate_from && step > p->step) {
        const double rate = tokens * (double)(step - p->step) / (now - c->rate_from);
        p->tokens_per_second = p->tokens_per_second > 0 ? 0.9 * p->tokens_per_second + 0.1 * rate : rate;
    }
    c->rate_from = now;
    p->step = step;
    p->steps = steps;
}

static void read_output(child *c)
{
    for (ssize_t n; (n = read(c->out, c->line + c->line_length, sizeof c->line - 1 - c->line_length)) > 0;) {
        c->line_length += (int)n;
        for (char *end; (end = memchr(c->line, '\n', c->line_length));) {
            *end = 0;
            read_report(c, c->line);
            c->line_length -= (int)(end + 1 - c->line);
            memmove(c->line, end + 1, c->line_length);
        }
        if (c->line_length == (int)sizeof c->line - 1) c->line_length = 0;
    }
    char words[512];
    for (ssize_t n; (n = read(c->err, words, sizeof words - 1)) > 0;) {
        while (n > 0 && words[n - 1] == '\n') n--;
        words[n] = 0;
        if (n > 0) snprintf(c->last_words, sizeof c->last_words, "%s", words);
    }
}

// ---- a child ends

static void say(runner *r, const child *c, const char *text)
{
    progress_clear(&r->bar);
    fprintf(stderr, "%s seed %d: %s\n", c->cell->variant->label, c->cell->seed, text);
}

static bool see_errors(const row *row, void *data)
{
    const child *c = ((void **)data)[0];
    runner *r = ((void **)data)[1];
    char text[256];
    const json_t *lengths = row->evaluation ? json_at(row->evaluation, "lengths") : NULL;
    const int longest = train_longest(&c->cell->variant->options.train);
    int used = snprintf(text, sizeof text, "%lld steps", (long long)json_int_at(row->result, "measured.steps", 0));
    size_t i;
    json_t *at;
    json_array_foreach(lengths, i, at) {
        const int length = (int)json_int_at(at, "length", 0);
        if (length != longest && i + 1 != json_array_size(lengths)) continue;
        used += snprintf(text + used, sizeof text - used, ", token error %.4f at length %d",
                         json_real_at(at, "errors") / json_real_at(at, "supervised"), length);
    }
    if (strcmp(json_text_at(row->result, "status.status", ""), run_status_names[RUN_DIVERGED]) == 0) {
        snprintf(text, sizeof text, "diverged: %s", json_text_at(row->result, "status.reason", ""));
        r->counts.diverged++;
    } else {
        snprintf(text + used, sizeof text - used, " (%.0f s)", progress_clock() - c->started);
        r->counts.done++;
    }
    r->n_done++;
    say(r, c, text);
    return true;
}

// A crash costs one run, and is recorded in its place.
static void record_crash(runner *r, const child *c, int status)
{
    char reason[700];
    if (WIFSIGNALED(status))
        snprintf(reason, sizeof reason, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else                     snprintf(reason, sizeof reason, "ended with status %d", WEXITSTATUS(status));
    if (*c->last_words) snprintf(reason + strlen(reason), sizeof reason - strlen(reason), ": %s", c->last_words);
    r->counts.failed++;
    say(r, c, reason);
    run *claimed = NULL;
    json_t *result = json_object();
    if (store_claim(r->store, c->cell->id, c->cell->config, &claimed, r->error) == CLAIM_MINE)
        run_finish(claimed, RUN_FAILED, reason, result, r->error);
    json_decref(result);
    run_close(claimed);
}

static void end_child(runner *r, child *c, int status)
{
    read_output(c);
    close(c->out);
    close(c->err);
    take_cores_back(r, c);
    c->pid = 0;
    r->work_done += r->work[c->cell - r->sweep->cell];
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == CELL_DONE_STATUS) {
        if (*c->last_words) say(r, c, c->last_words);
        store_read(r->store, c->cell->id, c->cell->evaluation, see_errors, (void *[]){ c, r }, r->error);
    } else if (code == CELL_STORE_STATUS) {
        if (!r->counts.store_broken) error_set(r->error, "%s", c->last_words);
        r->counts.store_broken = true;
    } else if (code == CELL_BUSY_STATUS) {
        r->counts.busy++;
        say(r, c, "another process is at work on it; its result will appear in the store");
    } else if (code == CELL_INTERRUPTED_STATUS || (r->counts.interrupted && WIFSIGNALED(status))) {
        r->counts.interrupted = true;
    } else {
        record_crash(r, c, status);
    }
}

// ---- the loop

static int running(const runner *r)
{
    int n = 0;
    for (int j = 0; j < r->jobs; j++) n += r->child[j].pid != 0;
    return n;
}

static void collect(runner *r)
{
    for (int j = 0; j < r->jobs; j++) {
        child *c = &r->child[j];
        int status;
        if (!c->pid) continue;
        read_output(c);
        if (waitpid(c->pid, &status, WNOHANG) == c->pid) end_child(r, c, status);
    }
}

static void tell_all(const runner *r, int signal_number)
{
    for (int j = 0; j < r->jobs; j++)
        if (r->child[j].pid) kill(r->child[j].pid, signal_number);
}

static void show(runner *r)
{
    progress_cell shown[MAX_JOBS];
    int n = 0;
    double done = r->work_done;
    for (int j = 0; j < r->jobs; j++) {
        const child *c = &r->child[j];
        if (!c->pid) continue;
        if (c->shown.steps) done += r->work[c->cell - r->sweep->cell] * (double)c->shown.step / (double)c->shown.steps;
        shown[n++] = c->shown;
    }
    if (n) progress_show(&r->bar, r->n_done, r->n_all, r->work_all > 0 ? done / r->work_all : 1, shown, n);
}

static void loop(runner *r)
{
    bool told = false;
    while (running(r) || (r->n_waiting && !told)) {
        if (!told && !start_waiting(r)) r->counts.store_broken = true;
        const int got = signals_wait(100);
        const bool asked = got == SIGINT || got == SIGTERM || got == SIGHUP;
        if (asked && !told) {
            progress_clear(&r->bar);
            fprintf(stderr, "stopping: %d run%s will write a checkpoint; once more stops at once\n", running(r),
                    running(r) == 1 ? "" : "s");
        }
        if (asked) r->counts.interrupted = true;
        if (asked && told) tell_all(r, SIGKILL);
        if ((asked || r->counts.store_broken || r->counts.interrupted) && !told) {
            tell_all(r, SIGTERM);
            told = true;
        }
        collect(r);
        show(r);
    }
    progress_clear(&r->bar);
}

run_counts run_cells(const sweep *s, const bool *chosen, const run_options *o, error *e)
{
    arena *a = arena_new();
    runner *r = arena_zero(a, sizeof *r);
    *r = (runner){ .o = o, .sweep = s, .error = e, .bar = progress_begin(), .n_cores = cores_available() };
    sched_getaffinity(0, sizeof r->free_cores, &r->free_cores);
    r->store = store_open(o->store, true, a, e);
    if (!r->store || !plan(r, chosen, a)) {
        r->counts.store_broken = true;
    } else {
        r->threads = o->threads;
        r->jobs = o->jobs ? o->jobs : r->n_cores / (o->threads ? o->threads : 1);
        if (r->jobs < 1) r->jobs = 1;
        if (r->jobs > MAX_JOBS) r->jobs = MAX_JOBS;
        if (!r->threads && r->jobs > r->n_cores) r->threads = 1;
        // who leaves cores to others leaves the choice to the system: two such sweeps would sit on the same ones
        if (r->threads && r->jobs * r->threads < r->n_cores) CPU_ZERO(&r->free_cores);
        loop(r);
    }
    const run_counts counts = r->counts;
    arena_free(a);
    return counts;
}
