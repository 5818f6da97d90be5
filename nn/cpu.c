#include "nn/cpu.h"

#include <stdio.h>
#include <string.h>
#include "base/check.h"
#include "nn/kernels.h"

const char *const cpu_level_names[] = { "x86-64", "x86-64-v3", "x86-64-v4", NULL };

#ifdef __x86_64__
static const kernels *const tables[LEVELS] = { &kernels_v1, &kernels_v3, &kernels_v4 };
#else
static const kernels *const tables[LEVELS] = { &kernels_v1, NULL, NULL };      // other processors: the baseline alone
#endif

const kernels   *kernel = &kernels_v1;
static cpu_level current = LEVEL_BASELINE;

bool cpu_supports(cpu_level level)
{
#ifdef __x86_64__
    const bool has[LEVELS] = { true, __builtin_cpu_supports("x86-64-v3"), __builtin_cpu_supports("x86-64-v4") };
    return has[level];
#else
    return level == LEVEL_BASELINE;
#endif
}

cpu_level cpu_best(void)
{
    cpu_level best = LEVEL_BASELINE;
    while (best + 1 < LEVELS && cpu_supports(best + 1))
        best++;
    return best;
}

cpu_level cpu_current(void) { return current; }

void cpu_use(cpu_level level)
{
    CHECK(cpu_supports(level), "this processor has no %s", cpu_level_names[level]);
    current = level;
    kernel = tables[level];
}

// The value of "model name : …"; what the kernel says of other processors is not worth a table.
const char *cpu_name(void)
{
    static char name[128];
    if (name[0])
        return name;
    snprintf(name, sizeof name, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    for (char line[256]; f && fgets(line, sizeof line, f);) {
        const char *colon = strstr(line, ": ");
        if (strncmp(line, "model name", 10) == 0 && colon) {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (f)
        fclose(f);
    return name;
}

const char *cpu_blas_coretype(cpu_level level)
{
    static const char *const coretype[LEVELS] = { "Prescott", "Haswell", "SkylakeX" };
    return coretype[level];
}
