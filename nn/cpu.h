// Instruction levels: what the kernels of nn/kernels/ are compiled for. Chosen once at start.
#pragma once
#include <stdbool.h>

typedef enum { LEVEL_BASELINE, LEVEL_V3, LEVEL_V4, LEVELS } cpu_level;     // any x86-64 · AVX2 and FMA · AVX-512

extern const char *const cpu_level_names[];     // "x86-64", "x86-64-v3", "x86-64-v4", NULL; in --cpu also "v1", "v3", "v4"
cpu_level   cpu_best(void);                     // the highest that this processor and the operating system support
bool        cpu_supports(cpu_level);
cpu_level   cpu_current(void);
void        cpu_use(cpu_level);                 // fills nn/kernels.h's table; before anything is computed
const char *cpu_name(void);                     // the processor, from /proc/cpuinfo
const char *cpu_blas_coretype(cpu_level);       // OPENBLAS_CORETYPE that holds OpenBLAS to the level
