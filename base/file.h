// The one place where bytes go to disk. A whole file is written beside its name, synced, renamed, and the folder synced:
// after a crash or on a full disk there is the old file or the new one, never half of either.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/diag.h"

bool  file_write(const char *path, const void *data, size_t bytes, error *);     // whole, atomically
typedef struct file_part { const void *data; size_t bytes; } file_part;
bool  file_write_parts(const char *path, const file_part *, int n, error *);     // the same, from several pieces
typedef bool file_source(void *self, file_part *);                               // the next piece; false: that was all
bool  file_write_stream(const char *path, file_source *, void *self, error *);   // the same, from pieces made one by one
char *file_read(const char *path, size_t *bytes, arena *, error *);              // NUL-terminated copy; NULL: the error says why
bool  file_exists(const char *path);
bool  file_make_folder(const char *path, error *);                               // and its parents; there already is fine
bool  file_remove(const char *path, error *);                                    // absent is fine
bool  file_remove_leftovers(const char *folder, error *);                        // what killed writes left; for its owner

// A log: lines appended with one write each, so that a line is whole or absent; cut back when a run resumes.
typedef struct file_log { int fd; int64_t bytes; char path[512]; } file_log;
bool file_log_open(file_log *, const char *path, error *);                       // creates; drops a last line without an end
bool file_log_line(file_log *, const char *line, size_t bytes, error *);         // must end in '\n'; a short write is taken back
bool file_log_cut (file_log *, int64_t bytes, error *);
bool file_log_sync(file_log *, error *);
void file_log_close(file_log *);

// An exclusive claim held as long as the descriptor (open-file lock: freed by kill -9, seen by every process).
typedef enum { LOCK_MINE, LOCK_BUSY, LOCK_ERROR } lock_result;
lock_result file_lock(const char *path, int *fd, error *);
void        file_unlock(int fd);

// Test builds can make the n-th operation that changes the disk fail (no space), be cut short, or be the last one the
// process makes. Counts from 1; 0 switches it off.
typedef enum { FAULT_NONE, FAULT_FAIL, FAULT_SHORT, FAULT_DIE } file_fault;
void    file_fault_at(int64_t n, file_fault);
int64_t file_operations(void);                                                   // how many so far
