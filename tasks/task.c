// What all tasks share: their list, the addresses of examples, overlap of small spaces, an example as text.
#include "tasks/task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/check.h"

const char *const data_split_names[]    = { "train", "validation", "test" };
const char *const task_disjoint_words[] = { "none", "hash", NULL };

// Of the 8 parts of the space; and how many different examples a length must have to be cut into them, as bits.
static const data_split split_of_part[8] = { [6] = SPLIT_VALIDATION, [7] = SPLIT_TEST };
enum { DISJOINT_BITS = 10, DISJOINT_TRIES = 100000 };

const object_family *task_family(void)
{
    static const object *entries[64];
    static object_family family = { .what = "task", .entries = entries };
    CHECK(task_list_length <= (int)LEN(entries), "%d tasks", task_list_length);
    for (int i = 0; i < task_list_length; i++)          // always the same values: it doesn't matter who writes them
        entries[i] = &task_list[i]->object;
    family.n = task_list_length;
    return &family;
}

static bool is_disjoint(const param *p, const void *options)
{
    while (p && p->name && strcmp(p->name, "disjoint"))
        p++;
    return p && p->name && *(const int *)((const char *)options + p->offset) == DISJOINT_HASH;
}

bool dataset_open(dataset *data, const param_object *description, uint64_t seed, arena *a, diag *d)
{
    const task *t = (const task *)description->type;    // its first member is the object
    *data = (dataset){ .task = t, .options = description->options, .seed = seed,
                       .disjoint = is_disjoint(t->options, description->options) };
    data->self = t->open(description->options, a, description->at, d);
    const void *trained = data->self && t->trained ? t->trained(data->self) : NULL;
    data->trained = trained ? trained : data->self;
    return data->self;
}

int dataset_tokens(const dataset *data, int length) { return data->task->tokens(data->self, length); }

bool dataset_fits(const dataset *data, int length, char *why, size_t room)
{
    if (!data->task->fits(data->self, length, why, room))
        return false;
    const double bits = data->task->space(data->trained, length);
    const bool few = data->disjoint && bits < DISJOINT_BITS;
    if (few)
        snprintf(why, room, "disjoint: hash needs %d different examples, length %d has %.0f", 1 << DISJOINT_BITS, length,
                 exp2(bits));
    return !few;
}

bool dataset_prefixes(const dataset *data) { return !data->disjoint && data->task->prefixes(data->self); }

// The split that an example belongs to. The key is fixed: the same for every seed.
static data_split split_of(const int *input, int tokens)
{
    uint64_t h = hash_bytes(input, tokens * sizeof *input, 0x5ca9be9c5ca9be9cu);
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;            // FNV's high bits hardly know the last bytes
    return split_of_part[h >> 61];
}

// Disjoint: what belongs elsewhere is drawn again, from the same stream.
void dataset_example(const dataset *data, data_split split, int length, int64_t index, int *input, int *target)
{
    const uint64_t address[] = { data->seed, RNG_TRAIN + split, length, index };
    const void *self = split == SPLIT_TEST ? data->self : data->trained;
    rng r = rng_start(address, LEN(address));
    data->task->example(self, length, &r, input, target);
    for (int tries = 1; data->disjoint && split_of(input, dataset_tokens(data, length)) != split; tries++) {
        CHECK(tries < DISJOINT_TRIES, "task '%s', length %d: no example for the split %s", data->task->name, length,
              data_split_names[split]);
        data->task->example(self, length, &r, input, target);
    }
}

bool dataset_holds_out(const dataset *data) { return data->trained != data->self; }

int dataset_held_out(const dataset *data, const int *input, int tokens, bool *taken)
{
    return data->task->held_out(data->self, input, tokens, taken);
}

double dataset_chance(const dataset *data) { return 1 - 1.0 / data->task->size(data->self).output; }

double dataset_overlap(const dataset *data, int length, double draws)
{
    const double all = data->task->space(data->self, length), trained = data->task->space(data->trained, length);
    return data->disjoint ? 0 : exp2(trained - all) * -expm1(-draws * exp2(-trained));
}

int dataset_novel_from(const dataset *data, double draws, int longest)
{
    char why[256];
    for (int length = 1; length <= longest; length++)
        if (dataset_fits(data, length, why, sizeof why) && dataset_overlap(data, length, draws) < 0.01)
            return length;
    return longest + 1;
}

const char *dataset_text(const dataset *data, const int *input, const int *target, int tokens, arena *a)
{
    enum { INPUT, SYMBOL, TARGET, ROWS };
    static const char *const names[] = { "input", "symbol", "target" };
    const task *of = data->task;
    const char **cell[ROWS];
    int width = 0;
    for (int row = 0; row < ROWS; row++)
        cell[row] = arena_take(a, tokens * sizeof *cell[row]);
    for (int t = 0; t < tokens; t++) {
        cell[INPUT][t]  = arena_text(a, "%d", input[t]);
        cell[SYMBOL][t] = of->symbol ? of->symbol(data->self, input[t], a) : "";
        cell[TARGET][t] = target[t] == TASK_IGNORE ? "." : arena_text(a, "%d", target[t]);
        for (int row = 0; row < ROWS; row++)
            width = (int)strlen(cell[row][t]) > width ? (int)strlen(cell[row][t]) : width;
    }
    const size_t line = 6 + (size_t)tokens * (width + 1) + 1;        // bytes, with the line's end
    char *text = arena_take(a, ROWS * line + 1), *end = text;
    for (int row = 0; row < ROWS; row++) {
        if (row == SYMBOL && !of->symbol)
            continue;
        end += sprintf(end, "%-6s", names[row]);
        for (int t = 0; t < tokens; t++)
            end += sprintf(end, " %*s", width, cell[row][t]);
        end += sprintf(end, "\n");
    }
    return text;
}
