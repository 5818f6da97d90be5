#include "harness/stages.h"

#include <math.h>
#include "base/check.h"
#include "base/rng.h"

// ---- from options

static stage new_stage(arena *a, const advance_options *advance, stage_order order, int n)
{
    stage s = { .order = order, .n = n, .segment = arena_zero(a, n * sizeof(segment)),
                .training_error_below = advance->training_error_below, .average = advance->average,
                .every = advance->every, .steps = advance->steps };
    return s;
}

static stage one_length(arena *a, const advance_options *advance, int length, int batch, const param_object *task)
{
    stage s = new_stage(a, advance, STAGE_TURNS, 1);
    s.segment[0] = (segment){ .length = length, .batch = batch, .task = task };
    return s;
}

static stage drawn_lengths(arena *a, const advance_options *advance, const uniform_lengths *u, int batch,
                           const param_object *task)
{
    stage s = new_stage(a, advance, STAGE_LENGTHS, 2);
    for (int i = 0; i < 2; i++) s.segment[i] = (segment){ .length = ((int *)u->uniform.items)[i], .batch = batch, .task = task };
    return s;
}

static stage mapped_lengths(arena *a, const advance_options *advance, const param_map *map, const param_object *task)
{
    stage s = new_stage(a, advance, STAGE_TURNS, map->n);
    for (int i = 0; i < map->n; i++)
        s.segment[i] = (segment){ .length = map->pair[i][0], .batch = map->pair[i][1], .task = task };
    return s;
}

static const param_object *own_task(const param_object *task, const param_object *otherwise)
{
    return task->type ? task : otherwise;
}

static stage mixed_segments(arena *a, const stage_options *o, int batch, const param_object *task)
{
    stage s = new_stage(a, &o->advance, STAGE_DRAWN, o->segments.n);
    for (int i = 0; i < s.n; i++) {
        const segment_options *from = (const segment_options *)o->segments.items + i;
        s.segment[i] = (segment){ .length = from->length, .batch = from->batch == AUTO_INT ? batch : from->batch,
                                  .share = from->share, .task = own_task(&from->task, task) };
    }
    return s;
}

static stage written_stage(arena *a, const stage_options *o, int batch)
{
    const param_object *task = own_task(&o->task, NULL);
    if (o->segments.n) return mixed_segments(a, o, batch, task);
    if (o->lengths.which == STAGE_UNIFORM) return drawn_lengths(a, &o->advance, o->lengths.value, batch, task);
    if (o->lengths.which == STAGE_MAP)     return mapped_lengths(a, &o->advance, o->lengths.value, task);
    return one_length(a, &o->advance, *(int *)o->lengths.value, batch, task);
}

static stage listed_stage(arena *a, const train_options *o, int i)
{
    if (o->lengths.which == LENGTHS_UNIFORM) return drawn_lengths(a, &o->advance, o->lengths.value, o->batch, NULL);
    const param_list *lengths = o->lengths.value;
    return one_length(a, &o->advance, o->lengths.which == LENGTHS_STAGES ? ((int *)lengths->items)[i] : *(int *)o->lengths.value,
                      o->batch, NULL);
}

int train_stages(const train_options *o, arena *a, stage **stages)
{
    const bool listed = o->lengths.value && o->lengths.which == LENGTHS_STAGES;
    const int n = o->stages.n ? o->stages.n : listed ? ((const param_list *)o->lengths.value)->n : 1;
    *stages = arena_take(a, n * sizeof **stages);
    for (int i = 0; i < n; i++) {
        if (o->stages.n) (*stages)[i] = written_stage(a, (const stage_options *)o->stages.items + i, o->batch);
        else             (*stages)[i] = listed_stage(a, o, i);
    }
    return n;
}

const segment *stage_longest(const stage *s)
{
    const segment *longest = s->segment;
    for (int i = 1; i < s->n; i++)
        if (s->segment[i].length >= longest->length) longest = &s->segment[i];
    return longest;
}

int train_longest(const train_options *o)
{
    arena *a = arena_new();
    stage *stages;
    int longest = 0;
    for (int n = train_stages(o, a, &stages), i = 0; i < n; i++)
        if (stage_longest(&stages[i])->length > longest) longest = stage_longest(&stages[i])->length;
    arena_free(a);
    return longest;
}

// ---- step by step

static segment draw_length(const stage *s, const datasets *data, rng *r)
{
    segment one = s->segment[0];
    char why[256];
    do one.length = s->segment[0].length + (int)rng_below(r, (uint64_t)(s->segment[1].length - s->segment[0].length + 1));
    while (!dataset_fits(datasets_find(data, one.task), one.length, why, sizeof why));
    return one;
}

segment stage_segment(const stage *s, const datasets *data, int64_t turn, int64_t draw)
{
    if (s->order == STAGE_TURNS) return s->segment[turn % s->n];
    rng r = rng_start((const uint64_t[]){ data->base.seed, RNG_LENGTHS, (uint64_t)draw }, 3);
    if (s->order == STAGE_LENGTHS) return draw_length(s, data, &r);
    double all = 0;
    for (int i = 0; i < s->n; i++) all += s->segment[i].share;
    double left = rng_unit(&r) * all;
    int i = 0;
    while (i + 1 < s->n && left >= s->segment[i].share) left -= s->segment[i++].share;
    return s->segment[i];
}

int stage_epoch(const stage *s, const datasets *data, int examples)
{
    int n = 0;
    for (int64_t used = stage_segment(s, data, 0, 0).batch; used <= examples; used += stage_segment(s, data, n, n).batch) n++;
    return n;
}

double train_distinct(const train_options *o, double drawn)
{
    return o->examples == AUTO_INT ? drawn : fmin(drawn, o->examples);
}
