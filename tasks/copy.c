#include "tasks/copy.h"

#include <math.h>
#include <stdio.h>

enum { BLANK = 0 };

void *copy_open(const void *options, bool scattered, arena *a)
{
    const copy_options *o = options;
    copy_task *c = arena_take(a, sizeof *c);
    *c = (copy_task){ o->vocabulary, o->items, scattered };
    return c;
}

static int mark_id(const copy_task *c) { return c->vocabulary - 1; }

task_size copy_size(const void *self)
{
    const copy_task *c = self;
    return (task_size){ c->vocabulary, c->vocabulary };
}

bool copy_fits(const void *self, int length, char *why, size_t room)
{
    const copy_task *c = self;
    if (length < c->items)
        snprintf(why, room, "length %d is below items: %d", length, c->items);
    return length >= c->items;
}

int  copy_tokens(const void *self, int length) { return length + ((const copy_task *)self)->items; }
bool copy_prefixes(const void *self)           { return false; }

double copy_space(const void *self, int length)
{
    const copy_task *c = self;
    const double places = (lgamma(length + 1) - lgamma(c->items + 1) - lgamma(length - c->items + 1)) / M_LN2;
    return c->items * log2(c->vocabulary - 2) + (c->scattered ? places : 0);
}

// Scattered: of the items still to come, `left` in `length − t` places, one stands here with probability left/(length − t).
void copy_example(const void *self, int length, rng *r, int *input, int *target)
{
    const copy_task *c = self;
    int left = c->items;
    for (int t = 0; t < length; t++) {
        const bool here = c->scattered ? (int)rng_below(r, length - t) < left : left > 0;
        input[t]  = here ? 1 + (int)rng_below(r, c->vocabulary - 2) : BLANK;
        target[t] = TASK_IGNORE;
        if (here)
            target[length + c->items - left--] = input[t];
    }
    for (int i = 0; i < c->items; i++)
        input[length + i] = mark_id(c);
}

const char *copy_symbol(const void *self, int id, arena *a)
{
    return id == BLANK ? "_" : id == mark_id(self) ? "?" : arena_text(a, "%d", id);
}

static void first_item(const void *self, const int *input, int tokens, int *output)
{
    int first = 1;
    for (int t = tokens - 1; t >= 0; t--)
        first = input[t] != BLANK && input[t] != mark_id(self) ? input[t] : first;
    for (int t = 0; t < tokens; t++)
        output[t] = first;
}

static void last_item(const void *self, const int *input, int tokens, int *output)
{
    for (int t = 0, last = 1; t < tokens; t++) {
        last = input[t] != BLANK && input[t] != mark_id(self) ? input[t] : last;
        output[t] = last;
    }
}

const task_floor copy_floors[] = {
    { "first-item", "the first item at every mark", first_item },
    { "last-item",  "the last item at every mark",  last_item },
    {0}
};
