// Optimisers and schedules, each an object with an option table.
#pragma once
#include "nn/model.h"
#include "nn/team.h"

typedef struct optimizer {
    OBJECT;
    // One update from model->grad with model->moment; rate and step (1 for the first) are read from memory, not baked in.
    // Returns the gradient's global norm before clipping.
    double (*update)(const void *options, model *, const team *, const double *rate, const int64_t *step);
    double (*rate)  (const void *options);                     // the peak learning rate that the schedule scales
} optimizer;
extern const object_family optimizer_family;

// Share of the peak rate at step s (0 for the first) of `steps`: linear warm-up to 1 over `warmup` steps, (s+1)/warmup, then
// with p = (s − warmup)/(steps − warmup): constant 1 · linear 1 − (1−final)p · cosine final + (1−final)·½(1 + cos πp).
typedef struct schedule {
    OBJECT;
    double (*share)(const void *options, int64_t s, int64_t steps);
} schedule;
extern const object_family schedule_family;
