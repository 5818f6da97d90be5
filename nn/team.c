#include "nn/team.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "base/check.h"

struct team {
    int   threads;
    char *scratch;                              // [threads + 2][TEAM_SCRATCH], the last two shared
};

static size_t scratch_bytes(const team *t) { return (size_t)(t->threads + 2) * TEAM_SCRATCH; }

team *team_new(int threads)
{
    CHECK(threads >= 1, "%d threads", threads);
    team *t = malloc(sizeof *t);
    CHECK(t, "no memory left");
    t->threads = threads;
    t->scratch = mmap(NULL, scratch_bytes(t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(t->scratch != MAP_FAILED, "no memory left for the scratch of %d threads", threads);
    madvise(t->scratch, scratch_bytes(t), MADV_HUGEPAGE);
    return t;
}

void team_free(team *t)
{
    if (t)
        munmap(t->scratch, scratch_bytes(t));
    free(t);
}

int   team_threads(const team *t) { return t->threads; }
void *team_shared(const team *t)  { return t->scratch + (size_t)t->threads * TEAM_SCRATCH; }
void *team_parts(const team *t)   { return t->scratch + (size_t)(t->threads + 1) * TEAM_SCRATCH; }

void team_each(const team *t, int64_t n, int64_t size,
               void (*piece)(int64_t from, int64_t to, void *scratch, void *data), void *data)
{
    CHECK(size >= 1, "pieces of %lld", (long long)size);
    if (t->threads == 1 || n <= size) {
        for (int64_t from = 0; from < n; from += size)
            piece(from, from + size < n ? from + size : n, t->scratch, data);
        return;
    }
    const int64_t pieces = (n + size - 1) / size;
    _Atomic int64_t next = 0;
#pragma omp parallel num_threads(t->threads < pieces ? t->threads : (int)pieces)
    {
        void *scratch = t->scratch + (size_t)omp_get_thread_num() * TEAM_SCRATCH;
        for (int64_t i; (i = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)) < pieces;)
            piece(i * size, (i + 1) * size < n ? (i + 1) * size : n, scratch, data);
    }
}

enum { SUM_PIECE = 4096 };

typedef struct sum_job {
    double (*piece)(int64_t from, int64_t to, void *data);
    void   *data;
    double *part;
} sum_job;

static void sum_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const sum_job *job = data;
    for (int64_t i = from; i < to; i += SUM_PIECE)
        job->part[i / SUM_PIECE] = job->piece(i, i + SUM_PIECE < to ? i + SUM_PIECE : to, job->data);
}

double team_sum(const team *t, int64_t n, double (*piece)(int64_t from, int64_t to, void *data), void *data)
{
    const sum_job job = { piece, data, team_parts(t) };
    const int64_t parts = (n + SUM_PIECE - 1) / SUM_PIECE;
    CHECK((size_t)parts <= TEAM_SCRATCH / sizeof(double), "a sum of %lld numbers", (long long)n);
    team_each(t, n, 4 * SUM_PIECE, sum_piece, (void *)&job);
    double sum = 0;
    for (int64_t i = 0; i < parts; i++)
        sum += job.part[i];
    return sum;
}
