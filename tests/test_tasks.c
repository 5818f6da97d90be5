// Walks the list of tasks: what every one must keep, against a solver written separately (tests/solvers/) and a text of its
// first examples (tests/golden/tasks/).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>
#include "base/check.h"
#include "base/file.h"
#include "tests/solvers/open.h"
#include "tests/solvers/solver.h"

enum { LONGEST = 40, ROOM = 4096, UNWRITTEN = -12345 };

static dataset open_case(const char *name, const char *options, uint64_t seed, arena *a)
{
    dataset data;
    diag *d = diag_new();
    if (!open_dataset(&data, name, options, seed, a, d)) {
        diag_print(d, stderr);
        fail_msg("%s %s can't be opened", name, options);
    }
    diag_free(d);
    return data;
}

static const solver *find_solver(const char *name)
{
    for (int i = 0; i < solver_list_length; i++)
        if (!strcmp(solver_list[i]->task, name))
            return solver_list[i];
    fail_msg("task '%s' has no solver: write tests/solvers/ for it", name);
    return NULL;
}

static bool fits(const dataset *data, int length)
{
    char why[256] = "";
    const bool yes = data->task->fits(data->self, length, why, sizeof why);
    if (yes == (*why != 0))
        fail_msg("%s: length %d %s but says '%s'", data->task->name, length, yes ? "fits" : "doesn't fit", why);
    return yes;
}

// One case of one task, opened with seed 1, at every length up to LONGEST that fits.
typedef struct trial { dataset data; const solver *solver; const solver_case *item; arena *arena; } trial;

static void every_case(void (*check)(const trial *))
{
    for (int i = 0; i < task_list_length; i++) {
        const solver *s = find_solver(task_list[i]->name);
        assert_true(s->n_cases > 0);
        for (int c = 0; c < s->n_cases; c++) {
            arena *a = arena_new();
            const trial t = { open_case(s->task, s->cases[c].options, 1, a), s, &s->cases[c], a };
            check(&t);
            arena_free(a);
        }
    }
}

static void every_length(const trial *t, void (*check)(const trial *, int length, int tokens))
{
    int tried = 0;
    for (int length = 0; length <= LONGEST; length++)
        if (fits(&t->data, length)) {
            const int tokens = dataset_tokens(&t->data, length);
            assert_in_range(tokens, 1, ROOM - 1);
            check(t, length, tokens);
            tried++;
        }
    assert_true(tried > 0 && fits(&t->data, t->item->length) && !fits(&t->data, 0));
}

static const param *find_option(const task *t, const char *name)
{
    const param *p = t->options;
    while (p->name && strcmp(p->name, name))
        p++;
    return p->name ? p : NULL;
}

static void described(void **state)
{
    for (int i = 0; i < task_list_length; i++) {
        const task *t = task_list[i];
        const param *disjoint = find_option(t, "disjoint");
        if (!disjoint || disjoint->of != task_disjoint_words)
            fail_msg("%s: its options lack TASK_OPTIONS, or its table TASK_PARAMS", t->name);
        const bool holds = find_option(t, "holdout_transitions");
        if (holds != (t->trained != NULL) || holds != (t->held_out != NULL))
            fail_msg("%s: TRANSITION_OPTIONS, trained and held_out belong together", t->name);
        assert_ptr_equal(object_find(task_family(), t->name), &t->object);
        assert_true(t->source && *t->source && t->summary && *t->summary && t->convention && *t->convention && t->version >= 1);
        assert_true(t->example_options && t->example_text && t->floors && t->floors->name);
        for (const task_floor *f = t->floors; f->name; f++) {
            assert_true(*f->name && f->summary && *f->summary && f->predict);
            for (const task_floor *g = t->floors; g != f; g++)
                assert_string_not_equal(f->name, g->name);
        }
    }
    assert_int_equal(task_family()->n, task_list_length);
}

// As many tokens as announced, all written, ids within the vocabularies, something asked.
static void ids_at(const trial *t, int length, int tokens)
{
    const task_size size = t->data.task->size(t->data.self);
    for (int i = 0; i < 20; i++) {
        int input[ROOM], target[ROOM], asked = 0;
        for (int k = 0; k <= tokens; k++)
            input[k] = target[k] = UNWRITTEN;
        dataset_example(&t->data, SPLIT_TRAIN, length, i, input, target);
        for (int k = 0; k < tokens; k++) {
            if (input[k] < 0 || input[k] >= size.input || target[k] < TASK_IGNORE || target[k] >= size.output)
                fail_msg("%s, length %d, token %d: input %d, target %d", t->item->options, length, k, input[k], target[k]);
            asked += target[k] != TASK_IGNORE;
        }
        if (!asked || input[tokens] != UNWRITTEN || target[tokens] != UNWRITTEN)
            fail_msg("%s, length %d: %d asked, or written behind the end", t->item->options, length, asked);
    }
}

static void ids_of(const trial *t) { every_length(t, ids_at); }
static void ids(void **state)      { every_case(ids_of); }

static void solved_at(const trial *t, int length, int tokens)
{
    for (int i = 0; i < 60; i++) {
        int input[ROOM], target[ROOM], answer[ROOM];
        dataset_example(&t->data, i % 3, length, i, input, target);
        t->solver->solve(t->item->facts, input, tokens, answer);
        if (memcmp(answer, target, tokens * sizeof *target))
            fail_msg("%s %s, length %d, example %d:\n%sand the solver says\n%s", t->solver->task, t->item->options, length, i,
                     dataset_text(&t->data, input, target, tokens, t->arena),
                     dataset_text(&t->data, input, answer, tokens, t->arena));
    }
}

static void solved_of(const trial *t) { every_length(t, solved_at); }
static void solved(void **state)      { every_case(solved_of); }

// Cut to a shorter length, an example is one of that length.
static void prefixes_at(const trial *t, int length, int tokens)
{
    int input[ROOM], target[ROOM], answer[ROOM];
    dataset_example(&t->data, SPLIT_TEST, LONGEST, length, input, target);
    t->solver->solve(t->item->facts, input, tokens, answer);
    if (memcmp(answer, target, tokens * sizeof *target))
        fail_msg("%s %s: a prefix of length %d is no example", t->solver->task, t->item->options, length);
}

static void prefixes_of(const trial *t)
{
    if (dataset_prefixes(&t->data) && fits(&t->data, LONGEST))
        every_length(t, prefixes_at);
}

static void prefixes(void **state) { every_case(prefixes_of); }

// The first N examples of a stream, read forwards or backwards, each between two of another stream.
enum { N = 24 };
typedef struct streamed { int input[N][64], target[N][64]; } streamed;

static void read_stream(const dataset *data, data_split split, int length, bool backwards, streamed *s)
{
    memset(s, 0, sizeof *s);
    for (int k = 0; k < N; k++) {
        const int i = backwards ? N - 1 - k : k;
        int input[ROOM], target[ROOM];
        dataset_example(data, (split + 1) % 3, length, k, input, target);
        dataset_example(data, split, length, i, s->input[i], s->target[i]);
    }
}

static void pure_of(const trial *t)
{
    const int length = t->item->length;
    const dataset other = open_case(t->solver->task, t->item->options, 2, t->arena);
    static streamed forwards[4], backwards;
    assert_true(dataset_tokens(&t->data, length) <= 64);
    for (int s = 0; s < 4; s++) {                       // three splits, and training with another seed
        const dataset *data = s < 3 ? &t->data : &other;
        read_stream(data, s % 3, length, false, &forwards[s]);
        read_stream(data, s % 3, length, true, &backwards);
        assert_memory_equal(&forwards[s], &backwards, sizeof backwards);
        for (int i = 0; i < s; i++)
            if (!memcmp(forwards[s].input, forwards[i].input, sizeof backwards.input))
                fail_msg("%s: streams %d and %d are the same", t->item->options, i, s);
        for (int i = 1; i < N; i++)
            if (!memcmp(forwards[s].input[0], forwards[s].input[i], sizeof backwards.input[0]))
                fail_msg("%s: examples 0 and %d are the same", t->item->options, i);
    }
}

static void pure(void **state) { every_case(pure_of); }

// With disjoint splits: still examples, of one split each, drawn alike; what is too short is refused. A split of one seed
// doesn't take what another split of another seed takes.
static void disjoint_of(const trial *t)
{
    const char *options = arena_text(t->arena, "{ disjoint: hash, %s", t->item->options + 1);
    const dataset one = open_case(t->solver->task, options, 1, t->arena), two = open_case(t->solver->task, options, 2, t->arena);
    const int length = t->item->length, tokens = dataset_tokens(&one, length);
    char why[256];
    assert_true(dataset_fits(&one, length, why, sizeof why) && !dataset_prefixes(&one) && dataset_overlap(&one, length,
                                                                                                          1e9) == 0);
    for (int i = 0; i < 30; i++) {
        int first[ROOM], second[ROOM], target[ROOM], answer[ROOM];
        for (data_split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++) {
            dataset_example(&one, split, length, i, first, target);
            t->solver->solve(t->item->facts, first, tokens, answer);
            assert_memory_equal(answer, target, tokens * sizeof *target);
            dataset_example(&two, (split + 1) % 3, length, i, second, target);
            assert_memory_not_equal(first, second, tokens * sizeof *first);
        }
    }
}

static void disjoint(void **state) { every_case(disjoint_of); }

// All 1296 sequences of four elements of S3: none is in two splits, all are somewhere, in parts of 6, 1 and 1.
static void disjoint_small(void **state)
{
    enum { L = 4, ALL = 6 * 6 * 6 * 6, N = 20000 };
    static char seen[ALL];
    int count[3] = {0}, both = 0;
    char why[256] = "";
    arena *a = arena_new();
    const dataset data = open_case("word-problem", "{ group: S3, disjoint: hash }", 1, a);
    for (data_split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++)
        for (int i = 0; i < N; i++) {
            int input[L], target[L], code = 0;
            dataset_example(&data, split, L, i, input, target);
            for (int t = 0; t < L; t++)
                code = 6 * code + input[t];
            seen[code] |= 1 << split;
        }
    for (int i = 0; i < ALL; i++) {
        both += seen[i] & (seen[i] - 1);
        for (int split = 0; split < 3; split++)
            count[split] += seen[i] >> split & 1;
    }
    assert_int_equal(both, 0);
    assert_int_equal(count[0] + count[1] + count[2], ALL);
    assert_in_range(count[1], ALL / 8 - 45, ALL / 8 + 45);
    assert_in_range(count[2], ALL / 8 - 45, ALL / 8 + 45);
    assert_false(dataset_fits(&data, 3, why, sizeof why));
    assert_string_equal(why, "disjoint: hash needs 1024 different examples, length 3 has 216");
    assert_int_equal(dataset_novel_from(&data, 1e9, LONGEST), 4);
    arena_free(a);
}

// What one case keeps when transitions are held out: training and validation examples are right and take none; test examples
// are those of the same case without, and take some. False where the case can't do without so many.
static bool try_holdout(const trial *t, const char *share)
{
    const char *options = arena_text(t->arena, "{ holdout_transitions: %s, %s", share, t->item->options + 1);
    diag *d = diag_new();
    dataset data;
    const bool opened = open_dataset(&data, t->solver->task, options, 1, t->arena, d);
    assert_int_equal(opened, diag_errors(d) == 0);
    diag_free(d);
    if (!opened)
        return false;
    const int length = t->item->length, tokens = dataset_tokens(&data, length);
    int of_test = 0;
    assert_true(dataset_holds_out(&data) && !dataset_holds_out(&t->data));
    for (int i = 0; i < 900; i++) {
        int input[ROOM], target[ROOM], answer[ROOM], marked = 0;
        bool taken[ROOM];
        dataset_example(&data, i % 3, length, i, input, target);
        t->solver->solve(t->item->facts, input, tokens, answer);
        assert_memory_equal(answer, target, tokens * sizeof *target);
        assert_in_range(dataset_held_out(&data, input, tokens, taken), 1, tokens);
        for (int k = 0; k < tokens; k++)
            marked += taken[k];
        if (i % 3 != SPLIT_TEST && marked)
            fail_msg("%s: held-out transitions in %s\n%s", options, data_split_names[i % 3],
                     dataset_text(&data, input, target, tokens, t->arena));
        of_test += marked;
        dataset_example(&t->data, SPLIT_TEST, length, i, answer, target);
        assert_true(i % 3 != SPLIT_TEST || !memcmp(input, answer, tokens * sizeof *input));
    }
    if (!of_test)
        fail_msg("%s: no test example takes a held-out transition", options);
    return true;
}

static void holdout(void **state)
{
    static const char *const shares[] = { "0.03", "0.1", "0.25", "0.5" };
    for (int i = 0; i < task_list_length; i++) {
        const solver *s = find_solver(task_list[i]->name);
        int opened = 0;
        for (int c = 0; c < s->n_cases && task_list[i]->trained; c++) {
            arena *a = arena_new();
            const trial t = { open_case(s->task, s->cases[c].options, 1, a), s, &s->cases[c], a };
            for (size_t k = 0; k < LEN(shares); k++)
                opened += try_holdout(&t, shares[k]);
            arena_free(a);
        }
        if (task_list[i]->trained && !opened)
            fail_msg("%s: no case can do without any transition", s->task);
    }
}

// log2 of the number of examples grows with the length; overlap falls, and novel_from is where it comes under 1 %.
static void space_of(const trial *t)
{
    double space = 0, overlap = 1;
    int novel = LONGEST + 1;
    for (int length = 1; length <= LONGEST; length++) {
        if (!fits(&t->data, length))
            continue;
        const double here = t->data.task->space(t->data.self, length), seen = dataset_overlap(&t->data, length, 1e6);
        if (!(here >= space && isfinite(here) && seen <= overlap && seen >= 0))
            fail_msg("%s, length %d: space %g, overlap %g", t->item->options, length, here, seen);
        novel = seen < 0.01 && length < novel ? length : novel;
        space = here, overlap = seen;
    }
    assert_int_equal(dataset_novel_from(&t->data, 1e6, LONGEST), novel);
    assert_int_equal(dataset_novel_from(&t->data, INFINITY, LONGEST), LONGEST + 1);
}

static void space(void **state) { every_case(space_of); }

static void floors_at(const trial *t, int length, int tokens)
{
    const int outputs = t->data.task->size(t->data.self).output;
    for (const task_floor *f = t->data.task->floors; f->name; f++) {
        int input[ROOM], target[ROOM], output[ROOM];
        dataset_example(&t->data, SPLIT_TEST, length, 0, input, target);
        for (int k = 0; k <= tokens; k++)
            output[k] = UNWRITTEN;
        f->predict(t->data.self, input, tokens, output);
        for (int k = 0; k < tokens; k++)
            if (output[k] < 0 || output[k] >= outputs)
                fail_msg("%s, length %d: floor %s says %d at %d", t->item->options, length, f->name, output[k], k);
        assert_int_equal(output[tokens], UNWRITTEN);
    }
}

static void floors_of(const trial *t)
{
    every_length(t, floors_at);
    const double chance = dataset_chance(&t->data);
    assert_true(chance > 0 && chance < 1);
}

static void floors(void **state) { every_case(floors_of); }

static void symbols_of(const trial *t)
{
    const int inputs = t->data.task->size(t->data.self).input;
    for (int id = 0; t->data.task->symbol && id < inputs; id++) {
        const char *text = t->data.task->symbol(t->data.self, id, t->arena);
        assert_true(text && *text && !strpbrk(text, " \n"));
    }
}

static void symbols(void **state) { every_case(symbols_of); }

// The worked example is example 0 of the test split with seed 0, and its options are among the solver's cases.
static void worked_examples(void **state)
{
    for (int i = 0; i < task_list_length; i++) {
        const task *t = task_list[i];
        const solver *s = find_solver(t->name);
        arena *a = arena_new();
        const dataset data = open_case(t->name, t->example_options, 0, a);
        int input[ROOM], target[ROOM];
        bool among = false;
        dataset_example(&data, SPLIT_TEST, t->example_length, 0, input, target);
        const char *text = dataset_text(&data, input, target, dataset_tokens(&data, t->example_length), a);
        for (int c = 0; c < s->n_cases; c++)
            among |= !strcmp(s->cases[c].options, t->example_options);
        if (strcmp(text, t->example_text))
            fail_msg("%s: example_text should be\n%s", t->name, text);
        if (!among)
            fail_msg("%s: no case of the solver has the worked example's options", t->name);
        arena_free(a);
    }
}

// What tests/golden/tasks/NAME.txt must be: for every case two examples a split as text and a hash of the first thousand.
static void golden_case(const dataset *data, const solver_case *item, FILE *out, arena *a)
{
    const int tokens = dataset_tokens(data, item->length);
    int input[ROOM], target[ROOM];
    fprintf(out, "\n%s, length %d\n", item->options, item->length);
    for (data_split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++) {
        uint64_t hash = 0;
        for (int i = 0; i < 1000; i++) {
            dataset_example(data, split, item->length, i, input, target);
            hash = hash_bytes(input, tokens * sizeof *input, hash);
            hash = hash_bytes(target, tokens * sizeof *target, hash);
            if (i < 2)
                fprintf(out, "%s %d\n%s", data_split_names[split], i, dataset_text(data, input, target, tokens, a));
        }
        fprintf(out, "%s, 1000 examples: %016llx\n", data_split_names[split], (unsigned long long)hash);
    }
}

static char *golden_text(const task *t, arena *a)
{
    const solver *s = find_solver(t->name);
    char *text, *copy;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    fprintf(out, "Examples of task %s, version %d, seed 0\n", t->name, t->version);
    for (int c = 0; c < s->n_cases; c++) {
        const dataset data = open_case(t->name, s->cases[c].options, 0, a);
        golden_case(&data, &s->cases[c], out, a);
    }
    fclose(out);
    copy = arena_copy(a, text);
    free(text);
    return copy;
}

static void golden(void **state)
{
    for (int i = 0; i < task_list_length; i++) {
        arena *a = arena_new();
        error err = {0};
        size_t bytes;
        const char *now = golden_text(task_list[i], a);
        const char *path = arena_text(a, TEST_DATA "/../golden/tasks/%s.txt", task_list[i]->name);
        const char *kept = file_read(path, &bytes, a, &err);
        if (!kept || strcmp(kept, now)) {
            const bool same_version = kept && !strncmp(kept, now, strcspn(now, "\n"));
            printf("%s", now);
            fflush(stdout);
            fail_msg("%s: %s; %s", task_list[i]->name, !kept ? "the golden text is missing" : same_version ?
                     "the examples changed and the version didn't: raise it" : "the golden text is of another version",
                     "commit the text above as tests/golden/tasks/");
        }
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(described), cmocka_unit_test(ids), cmocka_unit_test(solved), cmocka_unit_test(prefixes),
        cmocka_unit_test(pure), cmocka_unit_test(disjoint), cmocka_unit_test(disjoint_small), cmocka_unit_test(holdout),
        cmocka_unit_test(space),
        cmocka_unit_test(floors), cmocka_unit_test(symbols),
        cmocka_unit_test(worked_examples), cmocka_unit_test(golden) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
