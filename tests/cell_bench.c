#include "cell_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "results/json.h"

bench open_bench_of(const char *text, int threads)
{
    bench b = { .shop = { .life = arena_new(), .step = arena_new(), .team = team_new(threads), .backend = CPU } };
    diag *d = diag_new();
    b.cell = cell_read(text, 3, b.shop.life, d);
    diag_print(d, stdout);
    assert_non_null(b.cell);
    assert_true(setup_open(&b.setup, &b.cell->variant->options, 3, b.shop.life, d));
    network_init(b.setup.network, 3);
    network_stage(b.setup.network, 0, 1, true);
    diag_free(d);
    return b;
}

void close_bench(bench *b)
{
    team_free((team *)b->shop.team);
    arena_free(b->shop.step);
    arena_free(b->shop.life);
}

static char folder[256];

int make_folder(void **state)
{
    snprintf(folder, sizeof folder, "%s/scanbench-train-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

train_end train_in(const char *place, bench *b, train_watcher watch, void *data)
{
    error e = {{0}};
    run *r;
    store *s = store_open(arena_text(b->shop.life, "%s/%s", folder, place), true, b->shop.life, &e);
    assert_non_null(s);
    assert_int_equal(store_claim(s, b->cell->id, b->cell->config, &r, &e), CLAIM_MINE);
    const train_outcome out = train(r, &b->cell->variant->options, &b->setup, 3, 1e9, &b->shop, watch, data, &e);
    assert_string_equal(e.text, "");
    run_close(r);
    return out.end;
}

json_t *log_in(const char *place, const bench *b)
{
    error e = {{0}};
    const store *s = store_open(arena_text(b->shop.life, "%s/%s", folder, place), false, b->shop.life, &e);
    json_t *log = store_log(s, b->cell->id, &e), *line;
    size_t i;
    assert_non_null(log);
    json_array_foreach(log, i, line) {                      // what differs between equal runs
        json_object_del(line, "wall");
        json_object_del(line, "cpu");
    }
    return log;
}
