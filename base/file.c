#include "base/file.h"
#include "base/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- operations that change the disk: all of them pass here, counted

#ifndef NO_FAULT_COUNTER
static struct { int64_t operations, at; file_fault fault; } faults;

void    file_fault_at(int64_t n, file_fault fault) { faults.operations = 0, faults.at = n, faults.fault = fault; }
int64_t file_operations(void) { return faults.operations; }

static file_fault disk_fault(void)
{
    if (++faults.operations != faults.at) return FAULT_NONE;
    if (faults.fault == FAULT_DIE) raise(SIGKILL);
    if (faults.fault != FAULT_NONE) errno = ENOSPC;
    return faults.fault;
}
#else
void    file_fault_at(int64_t n, file_fault fault) { (void)n, (void)fault; }
int64_t file_operations(void) { return 0; }
static file_fault disk_fault(void) { return FAULT_NONE; }
#endif

static int disk_open(const char *path, int flags) { return disk_fault() ? -1 : open(path, flags | O_CLOEXEC, 0666); }
static int disk_rename(const char *from, const char *to) { return disk_fault() ? -1 : rename(from, to); }
static int disk_remove(const char *path) { return disk_fault() ? -1 : unlink(path); }
static int disk_folder(const char *path) { return disk_fault() ? -1 : mkdir(path, 0777); }
static int disk_cut(int fd, int64_t bytes) { return disk_fault() ? -1 : ftruncate(fd, bytes); }

static int disk_sync(int fd)
{
    if (disk_fault()) return -1;
    int result;
    while ((result = fsync(fd)) && errno == EINTR) { }
    return result;
}

// One write. The kernel takes less than 2 GiB at a time.
static ssize_t disk_write(int fd, const char *data, size_t bytes)
{
    const file_fault fault = disk_fault();
    if (fault == FAULT_SHORT) {
        (void)!write(fd, data, bytes / 2);
        errno = ENOSPC;
    }
    if (fault) return -1;
    ssize_t written;
    while ((written = write(fd, data, bytes < (size_t)1 << 30 ? bytes : (size_t)1 << 30)) < 0 && errno == EINTR) { }
    return written;
}

static bool disk_write_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        const ssize_t written = disk_write(fd, data, bytes);
        if (written <= 0) {
            if (!written) errno = ENOSPC;
            return false;
        }
        data += written;
        bytes -= (size_t)written;
    }
    return true;
}

// ---- messages

static const struct { int code; const char *advice; } advices[] = {
    { ENOSPC,       "nothing finished is lost: free some space and run the same command again" },
    { EDQUOT,       "nothing finished is lost: free some space and run the same command again" },
    { EROFS,        "choose a folder on a disk that can be written" },
    { EACCES,       "choose a folder that you may write, or ask its owner" },
    { EPERM,        "choose a folder that you may write, or ask its owner" },
    { ENAMETOOLONG, "choose a shorter name" },
    { EMFILE,       "raise the limit, `ulimit -n 4096`" },
    { ENOTDIR,      "a part of the path is a file" },
};

static bool failed(error *e, const char *what, const char *path)
{
    const int code = errno;
    const char *advice = "";
    for (size_t i = 0; i < LEN(advices); i++)
        if (advices[i].code == code && (code != EACCES || strcmp(what, "read"))) advice = advices[i].advice;
    return error_set(e, "cannot %s %.480s: %s%s%s", what, path, strerror(code), *advice ? "; " : "", advice);
}

// ---- whole files

// The folder of a path, in memory of its own.
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    CHECK(folder, "no memory left for a path");
    return folder;
}

// A name is on disk when its folder is.
static bool sync_folder_of(const char *path)
{
    char *folder = folder_of(path);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0) return false;
    bool ok = !disk_sync(fd);
    if (!ok && (errno == EINVAL || errno == ENOTSUP)) ok = true;        // some network disks cannot, and need not
    const int code = errno;
    close(fd);
    errno = code;
    return ok;
}

static const char temporary_end[] = ".scanbench-tmp";

// A hidden new file beside `path`; its name in memory of its own. Another machine on the same disk may have our number.
static int temporary_open(const char *path, char **name)
{
    char *folder = folder_of(path);
    const char *slash = strrchr(path, '/');
    int fd = -1;
    for (int i = 0; i < 100; i++) {
        CHECK(asprintf(name, "%s/.%.200s.%d-%d%s", folder, slash ? slash + 1 : path, (int)getpid(), i, temporary_end) >= 0,
              "no memory left for a path");
        fd = disk_open(*name, O_WRONLY | O_CREAT | O_EXCL);
        if (fd >= 0 || errno != EEXIST) break;
        free(*name);
        *name = NULL;
    }
    free(folder);
    return fd;
}

static bool write_parts(int fd, file_source *next, void *self)
{
    for (file_part part; next(self, &part);)
        if (!disk_write_all(fd, part.data, part.bytes)) return false;
    return true;
}

// Written, closed and under its name, or gone.
static bool replace(const char *path, file_source *next, void *self)
{
    char *temporary = NULL;
    const int fd = temporary_open(path, &temporary);
    bool ok = fd >= 0 && write_parts(fd, next, self) && !disk_sync(fd);
    int code = errno;
    if (fd >= 0 && close(fd) && ok) ok = false, code = errno;
    if (ok && disk_rename(temporary, path)) ok = false, code = errno;
    if (!ok && fd >= 0) disk_remove(temporary);
    free(temporary);
    errno = code;
    return ok && sync_folder_of(path);
}

bool file_write_stream(const char *path, file_source *next, void *self, error *e)
{
    struct stat now;
    if (!stat(path, &now) && !S_ISREG(now.st_mode) && !S_ISDIR(now.st_mode)) {      // -o /dev/stdout: nothing to replace
        const int fd = disk_open(path, O_WRONLY);
        const bool ok = fd >= 0 && write_parts(fd, next, self);
        const int code = errno;
        if (fd >= 0) close(fd);
        errno = code;
        return ok || failed(e, "write", path);
    }
    char *target = realpath(path, NULL);                            // what a link points to is replaced, not the link
    const bool ok = replace(target ? target : path, next, self);
    const int code = errno;
    free(target);
    errno = code;
    return ok || failed(e, "write", path);
}

typedef struct part_list { const file_part *part; int n; } part_list;

static bool next_of_list(void *self, file_part *part)
{
    part_list *left = self;
    if (left->n-- == 0) return false;
    *part = *left->part++;
    return true;
}

bool file_write_parts(const char *path, const file_part *part, int n, error *e)
{
    return file_write_stream(path, next_of_list, &(part_list){ part, n }, e);
}

bool file_write(const char *path, const void *data, size_t bytes, error *e)
{
    return file_write_parts(path, &(file_part){ data, bytes }, 1, e);
}

enum { LONGEST_PIPE = 1 << 30 };            // /dev/zero has no end

// Reads to the end, not to a size asked for beforehand: a pipe has none, and a log may be growing.
char *file_read(const char *path, size_t *bytes, arena *a, error *e)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat now;
    if (fd < 0 || fstat(fd, &now)) {
        failed(e, "read", path);
        if (fd >= 0) close(fd);
        return NULL;
    }
    const arena_mark start = arena_save(a);
    size_t room = (S_ISREG(now.st_mode) ? (size_t)now.st_size : 0) + 4096, n = 0;
    char *text = arena_take(a, room);
    ssize_t got;
    while ((got = read(fd, text + n, room - n - 1)) > 0 || (got < 0 && errno == EINTR)) {
        if (got > 0) n += (size_t)got;
        if (n < room - 1) continue;
        if (!S_ISREG(now.st_mode) && n > LONGEST_PIPE) {
            errno = EFBIG;
            got = -1;
            break;
        }
        char *larger = arena_take(a, 2 * room);
        memcpy(larger, text, n);
        text = larger;
        room *= 2;
    }
    if (got < 0) {
        failed(e, "read", path);
        arena_restore(a, start);
    }
    close(fd);
    if (got < 0) return NULL;
    text[n] = 0;
    if (bytes) *bytes = n;
    return text;
}

// ---- folders and names

bool file_exists(const char *path) { return !access(path, F_OK); }

static bool make_one_folder(const char *path)
{
    struct stat now;
    if (!stat(path, &now)) {
        if (S_ISDIR(now.st_mode)) return true;
        errno = ENOTDIR;
        return false;
    }
    if (disk_folder(path)) return errno == EEXIST && !stat(path, &now) && S_ISDIR(now.st_mode);      // someone else was quicker
    return sync_folder_of(path);
}

bool file_make_folder(const char *path, error *e)
{
    char *part = strdup(path);
    CHECK(part, "no memory left for a path");
    for (size_t n = strlen(part); n > 1 && part[n - 1] == '/';) part[--n] = 0;
    bool ok = true;
    for (char *slash = *part ? part + 1 : part; ok && (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        ok = make_one_folder(part);
        *slash = '/';
    }
    ok = (ok && make_one_folder(part)) || failed(e, "make the folder", path);
    free(part);
    return ok;
}

bool file_remove(const char *path, error *e)
{
    if (disk_remove(path)) return errno == ENOENT || failed(e, "remove", path);
    return sync_folder_of(path) || failed(e, "remove", path);
}

bool file_remove_leftovers(const char *folder, error *e)
{
    DIR *names = opendir(folder);
    if (!names) return failed(e, "read", folder);
    bool ok = true;
    for (struct dirent *name; ok && (name = readdir(names));) {
        const size_t n = strlen(name->d_name), end = sizeof temporary_end - 1;
        if (n <= end || name->d_name[0] != '.' || strcmp(name->d_name + n - end, temporary_end)) continue;
        char *path;
        CHECK(asprintf(&path, "%s/%s", folder, name->d_name) >= 0, "no memory left for a path");
        if (disk_remove(path) && errno != ENOENT) ok = failed(e, "remove", path);
        free(path);
    }
    closedir(names);
    return ok;
}

// ---- logs

// Where the last whole line ends, looking back from the end.
static int64_t whole_lines(int fd, int64_t bytes)
{
    char piece[4096];
    while (bytes > 0) {
        const int64_t from = bytes > (int64_t)sizeof piece ? bytes - (int64_t)sizeof piece : 0;
        const ssize_t n = pread(fd, piece, (size_t)(bytes - from), from);
        if (n <= 0) return -1;
        const char *end = memrchr(piece, '\n', (size_t)n);
        if (end) return from + (end - piece) + 1;
        bytes = from;
    }
    return 0;
}

bool file_log_open(file_log *log, const char *path, error *e)
{
    log->fd = -1;
    log->bytes = 0;
    if (strlen(path) >= sizeof log->path) {
        errno = ENAMETOOLONG;
        return failed(e, "write", path);
    }
    strcpy(log->path, path);
    struct stat now;
    log->fd = disk_open(path, O_RDWR | O_APPEND | O_CREAT);
    bool ok = log->fd >= 0 && !fstat(log->fd, &now) && (log->bytes = whole_lines(log->fd, now.st_size)) >= 0;
    if (ok && log->bytes < now.st_size) ok = !disk_cut(log->fd, log->bytes);
    if (ok && !now.st_size) ok = sync_folder_of(path);                  // new: its name too
    if (ok) return true;
    failed(e, "open the log", path);
    file_log_close(log);
    return false;
}

bool file_log_line(file_log *log, const char *line, size_t bytes, error *e)
{
    CHECK(bytes && line[bytes - 1] == '\n', "a line of %s has no end", log->path);
    const ssize_t written = disk_write(log->fd, line, bytes);
    if (written == (ssize_t)bytes) {
        log->bytes += written;
        return true;
    }
    if (written >= 0) errno = ENOSPC;
    failed(e, "write", log->path);
    // Taken back, or no line may follow half a one. Not counted: part of the same operation.
    if (ftruncate(log->fd, log->bytes)) file_log_close(log);
    return false;
}

bool file_log_cut(file_log *log, int64_t bytes, error *e)
{
    CHECK(bytes >= 0, "a log of %lld bytes", (long long)bytes);
    if (bytes > log->bytes)
        return error_set(e, "%s has %lld bytes, fewer than the %lld it had once: it was changed by something else",
                         log->path, (long long)log->bytes, (long long)bytes);
    if (disk_cut(log->fd, bytes)) return failed(e, "shorten", log->path);
    log->bytes = bytes;
    return true;
}

bool file_log_sync(file_log *log, error *e) { return !disk_sync(log->fd) || failed(e, "write", log->path); }

void file_log_close(file_log *log)
{
    if (log->fd >= 0) close(log->fd);
    log->fd = -1;
}

// ---- claims

lock_result file_lock(const char *path, int *fd, error *e)
{
    *fd = disk_open(path, O_RDWR | O_CREAT);
    if (*fd < 0) {
        failed(e, "lock", path);
        return LOCK_ERROR;
    }
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (!fcntl(*fd, F_OFD_SETLK, &whole)) return LOCK_MINE;
    const bool busy = errno == EAGAIN || errno == EACCES;
    if (!busy) failed(e, "lock", path);
    close(*fd);
    *fd = -1;
    return busy ? LOCK_BUSY : LOCK_ERROR;
}

void file_unlock(int fd)
{
    if (fd >= 0) close(fd);
}
