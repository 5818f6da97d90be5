// The list of properties, how one is measured, and some that outputs keep: causality, independence of a batch's rows,
// saved = loaded.
#include "harness/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/safetensors.h"
#include "harness/weights.h"

const check_property *const check_properties[] = {
    &check_gradients, &check_causality, &check_own_token, &check_batch, &check_step, &check_scan, &check_state, &check_save,
    &check_threads, &check_memorise, NULL
};

const check_property *check_find(const char *name)
{
    for (int i = 0; check_properties[i]; i++)
        if (strcmp(check_properties[i]->name, name) == 0) return check_properties[i];
    return NULL;
}

double check_bound(const check_property *p) { return p->bound[sizeof(real) == sizeof(double)]; }

// `where` is of the shortest length that fails, or else of the worst value.
void observe(measurement *m, int length, double value, const char *where, ...)
{
    const bool fails = !(value <= m->bound), shortest = fails && (!m->length || length < m->length);
    const bool worst = !isnan(m->worst) && !(value <= m->worst);
    if (shortest) m->length = length;
    if (worst) m->worst = value;
    if (!shortest && (m->length || !worst)) return;
    va_list list;
    va_start(list, where);
    vsnprintf(m->where, sizeof m->where, where, list);
    va_end(list);
}

static measurement measure_at(const check_property *p, fixture *f, int T)
{
    measurement m = { .bound = check_bound(p) };
    const arena_mark life = arena_save(f->life);
    p->measure(f, T, &m);
    arena_restore(f->life, life);
    return m;
}

bool check_measure(const check_property *p, const char *entry, measurement *m)
{
    fixture f = fixture_open(entry, CHECK_SYMBOLS, CHECK_SYMBOLS);
    const bool applies = !isnan(check_bound(p)) && (!p->applies || p->applies(&f));
    if (applies) *m = measure_at(p, &f, p->length);
    for (int T = 1; applies && !p->every && T < m->length; T++) {
        const measurement shorter = measure_at(p, &f, T);
        if (shorter.length) *m = shorter;
    }
    fixture_close(&f);
    return applies;
}

// ---- outputs

void check_fill(fixture *f, uint64_t seed) { fixture_fill(f, seed, 0.25 * sqrt(12.0 / (f->D > 12 ? f->D : 12))); }

static int64_t unequal(const real *a, const real *b, int64_t n)         // entries whose bits differ
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += memcmp(&a[i], &b[i], sizeof *a) != 0;
    return count;
}

enum { B = 2 };

// Calls see() with the outputs before and after each single token of sequence 0 is changed.
static void change_each_token(fixture *f, int T, measurement *m,
                              void (*see)(const fixture *, const real *before, const real *after, int t, int T, measurement *))
{
    check_fill(f, 3);
    int *tokens = fixture_tokens(f, 4, B * T, CHECK_SYMBOLS);
    const real *before = fixture_forward(f, tokens, B, T);
    for (int t = 0; t < T; t++) {
        const arena_mark life = arena_save(f->life);
        const int was = tokens[t];
        tokens[t] = (was + 1) % CHECK_SYMBOLS;
        see(f, before, fixture_forward(f, tokens, B, T), t, T, m);
        tokens[t] = was;
        arena_restore(f->life, life);
    }
}

static void see_causality(const fixture *f, const real *before, const real *after, int t, int T, measurement *m)
{
    observe(m, T, (double)unequal(before, after, (int64_t)t * f->D), "token %d changes outputs before it", t);
}

static void measure_causality(fixture *f, int T, measurement *m) { change_each_token(f, T, m, see_causality); }

const check_property check_causality = {
    .name = "causality", .summary = "numbers before token t that change with it", .bound = { 0, NAN }, .length = 21,
    .measure = measure_causality,
};

static void see_own_token(const fixture *f, const real *before, const real *after, int t, int T, measurement *m)
{
    const int64_t at = (int64_t)t * f->D;
    observe(m, T, unequal(before + at, after + at, f->D) == 0, "token %d does not change its own output", t);
}

static void measure_own_token(fixture *f, int T, measurement *m) { change_each_token(f, T, m, see_own_token); }

const check_property check_own_token = {
    .name = "own token", .summary = "output t that does not change with token t", .bound = { 0, NAN }, .length = 21,
    .asks_more = true,                  // a deep bare stack may squash a change to nothing
    .measure = measure_own_token,
};

// Other contents in sequence 0: the same bits in sequence 1, whole and token by token.
static void measure_batch(fixture *f, int T, measurement *m)
{
    check_fill(f, 3);
    int *tokens = fixture_tokens(f, 4, B * T, CHECK_SYMBOLS);
    const int64_t row = (int64_t)T * f->D;
    real *steps[2];
    const real *whole[2];
    for (int k = 0; k < 2; k++) {
        whole[k] = fixture_forward(f, tokens, B, T);
        fixture_stream(f, tokens, B, T, T, steps[k] = arena_take(f->life, B * (size_t)row * sizeof(real)));
        for (int t = 0; t < T; t++) tokens[t] = (tokens[t] + 1) % CHECK_SYMBOLS;
    }
    observe(m, T, (double)unequal(whole[0] + row, whole[1] + row, row), "a sequence changes another one's outputs");
    observe(m, T, (double)unequal(steps[0] + row, steps[1] + row, row), "a sequence changes another one's stream");
}

const check_property check_batch = {
    .name = "batch", .summary = "numbers of a sequence that change with another one", .bound = { 0, NAN }, .length = 21,
    .measure = measure_batch,
};

// Written to a file and read into a second network: the same bits come out.
static void measure_save(fixture *f, int T, measurement *m)
{
    fixture g = fixture_open(f->entry, f->inputs, f->outputs);
    error err = {{0}};
    safetensors file;
    const char *folder = getenv("TMPDIR");
    const char *path = arena_text(f->life, "%s/scanbench-check-%d.safetensors", folder ? folder : "/tmp", (int)getpid());
    check_fill(f, 5);
    const int *tokens = fixture_tokens(f, 6, B * T, CHECK_SYMBOLS);
    const bool same = weights_save(&f->network->model, path, NULL, 0, f->life, &err) &&
                      safetensors_read(path, &file, g.life, &err) && weights_take(&g.network->model, &file, path, g.faults);
    file_remove(path, &err);
    const real *ours = fixture_forward(f, tokens, B, T), *theirs = fixture_forward(&g, tokens, B, T);
    if (!same) observe(m, T, NAN, "%.190s", err.text[0] ? err.text : "the file's weights are not the model's");
    else       observe(m, T, (double)unequal(ours, theirs, (int64_t)B * T * f->D), "loaded weights give other outputs");
    fixture_close(&g);
}

const check_property check_save = {
    .name = "save, load", .summary = "numbers that change when weights are saved and loaded", .bound = { 0, NAN }, .length = 9,
    .measure = measure_save,
};
