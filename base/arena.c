#include "base/arena.h"
#include "base/check.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Under the address sanitizer, what is not handed out cannot be touched: a use after arena_restore is caught.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size)   ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

#define PIECE        ((size_t)64)           // a cache line, and the widest vector
#define PAGE         ((size_t)2 << 20)      // a huge page
#define LARGEST_STEP ((size_t)512 << 20)    // blocks double up to here: above, a block more costs nothing

typedef struct block { char *start; size_t size; } block;

struct arena {
    block *blocks;
    int    n;
    int    current;             // the block being filled; n: none yet
    size_t used;                // bytes of it handed out
    size_t total, peak;
};

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

static _Noreturn void no_memory(const arena *a, size_t bytes)
{
    fprintf(stderr, "no memory left: %zu MiB more were asked for, %zu MiB are in use\n", bytes >> 20, a->total >> 20);
    exit(EXIT_FAILURE);
}

// A huge page must start at a multiple of its size: map one more and give back both ends.
static char *block_map(size_t size)
{
    char *whole = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole == MAP_FAILED) return NULL;
    char *start = (char *)round_up((uintptr_t)whole, PAGE);
    const size_t before = (size_t)(start - whole), after = PAGE - before;
    if (before) munmap(whole, before);
    if (after) munmap(start + size, after);
    madvise(start, size, MADV_HUGEPAGE);            // a kernel without them says no: slower, not wrong
    ASAN_POISON_MEMORY_REGION(start, size);
    return start;
}

static void arena_grow(arena *a, size_t bytes)
{
    size_t held = 0;
    for (int i = 0; i < a->n; i++) held += a->blocks[i].size;
    const size_t needed = round_up(bytes, PAGE), step = held < LARGEST_STEP ? held : LARGEST_STEP;

    block b = { .size = needed > step ? needed : step };
    b.start = block_map(b.size);
    if (!b.start) b = (block){ block_map(needed), needed };         // a limit on memory: ask for no more than we must
    block *blocks = b.start ? realloc(a->blocks, (size_t)(a->n + 1) * sizeof *blocks) : NULL;
    if (!blocks) no_memory(a, bytes);
    a->blocks = blocks;
    a->blocks[a->n++] = b;
}

arena *arena_new(void)
{
    arena *a = calloc(1, sizeof *a);
    if (!a) no_memory(&(arena){ 0 }, sizeof *a);
    return a;
}

void arena_free(arena *a)
{
    if (!a) return;
    for (int i = 0; i < a->n; i++) {
        ASAN_UNPOISON_MEMORY_REGION(a->blocks[i].start, a->blocks[i].size);      // the addresses may be someone else's next
        munmap(a->blocks[i].start, a->blocks[i].size);
    }
    free(a->blocks);
    free(a);
}

// The next block from here on that holds the request, else a new last one: the choice depends on the requests since
// the mark and on the blocks before, which never change, so that addresses repeat.
void *arena_take(arena *a, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - 2 * PAGE) no_memory(a, bytes);
    const size_t size = round_up(bytes ? bytes : 1, PIECE);
    while (a->current < a->n && a->blocks[a->current].size - a->used < size) {
        a->current++;
        a->used = 0;
    }
    if (a->current == a->n) arena_grow(a, size);
    char *piece = a->blocks[a->current].start + a->used;
    a->used += size;
    a->total += size;
    if (a->peak < a->total) a->peak = a->total;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    return piece;
}

void *arena_zero(arena *a, size_t bytes) { return memset(arena_take(a, bytes), 0, bytes); }

arena_mark arena_save(const arena *a) { return (arena_mark){ a->current, a->used, a->total }; }

void arena_restore(arena *a, arena_mark m)
{
    CHECK(m.total <= a->total && m.block <= a->current, "the mark (%zu bytes) is later than the arena (%zu)", m.total, a->total);
    for (int i = m.block; i < a->n && i <= a->current; i++) {
        const size_t kept = i == m.block ? m.used : 0;
        ASAN_POISON_MEMORY_REGION(a->blocks[i].start + kept, a->blocks[i].size - kept);
    }
    a->current = m.block;
    a->used = m.used;
    a->total = m.total;
}

size_t arena_used(const arena *a) { return a->total; }
size_t arena_peak(const arena *a) { return a->peak; }

char *arena_text(arena *a, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    const int length = vsnprintf(NULL, 0, format, values);
    CHECK(length >= 0, "the format '%s' cannot be printed", format);
    char *text = arena_take(a, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(values);
    return text;
}

char *arena_copy(arena *a, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    return memcpy(arena_take(a, bytes), text, bytes);
}
