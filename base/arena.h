// Memory that belongs to a lifetime. An arena hands out pieces of large blocks (2 MiB-aligned, huge pages where the
// kernel gives them) and takes them back all at once. Blocks are added on demand and kept, addresses never move: two
// runs of the same requests from the same mark get the same addresses and, from the second on, no system call.
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct arena arena;
typedef struct arena_mark { int block; size_t used, total; } arena_mark;

arena *arena_new(void);
void   arena_free(arena *);                              // the blocks and the arena itself; NULL is allowed

// 64-byte aligned, not cleared, never NULL (no memory left is reported and ends the process).
void *arena_take(arena *, size_t bytes);
void *arena_zero(arena *, size_t bytes);                 // the same, cleared

arena_mark arena_save(const arena *);
void       arena_restore(arena *, arena_mark);           // everything taken since the mark is gone

size_t arena_used(const arena *);                        // bytes handed out and not taken back, alignment included
size_t arena_peak(const arena *);                        // its maximum so far

char *arena_text(arena *, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull(2)));
char *arena_copy(arena *, const char *text);
