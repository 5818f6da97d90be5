// Work for threads, the same bits for any number of them: work is cut into pieces that depend on its size alone, a piece
// is done by one thread, sums of pieces are added in the order of the pieces. Threads only choose who does which piece.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct team team;

team *team_new(int threads);                    // threads ≥ 1; scratch of TEAM_SCRATCH bytes a thread, taken once
void  team_free(team *);
int   team_threads(const team *);

enum { TEAM_SCRATCH = 4 << 20 };

// Calls piece(from, to, scratch, data) for consecutive ranges of `size` (the last one shorter) that cover [0, n).
// scratch: TEAM_SCRATCH bytes of the calling thread's own, 64-byte aligned, undefined content.
void team_each(const team *, int64_t n, int64_t size,
               void (*piece)(int64_t from, int64_t to, void *scratch, void *data), void *data);

// The sum of piece(from, to) over fixed ranges of 4096 of [0, n), added in order, in double.
double team_sum(const team *, int64_t n, double (*piece)(int64_t from, int64_t to, void *data), void *data);

// TEAM_SCRATCH bytes that all threads see, for one op at a time; and as many for parts that wait to be summed, which team_sum
// and gemm_team use themselves.
void *team_shared(const team *);
void *team_parts(const team *);
