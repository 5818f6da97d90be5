#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "plots/gnuplot.h"
#include "base/check.h"

// stdin, stdout and stderr of gnuplot are files in memory: nothing to wait for in turn, and no pipe to break.
typedef struct channels { int script, picture, complaints; } channels;

static void close_channels(channels *c)
{
    const int fd[] = { c->script, c->picture, c->complaints };
    for (size_t i = 0; i < LEN(fd); i++)
        if (fd[i] >= 0)
            close(fd[i]);
}

static bool write_whole(int fd, const char *text, size_t n)
{
    while (n > 0) {
        const ssize_t written = write(fd, text, n);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0)
            text += written, n -= (size_t)written;
    }
    return true;
}

static bool open_channels(channels *c, const char *script, error *err)
{
    *c = (channels){ memfd_create("script", MFD_CLOEXEC), memfd_create("picture", MFD_CLOEXEC),
        memfd_create("complaints", MFD_CLOEXEC) };
    if (c->script < 0 || c->picture < 0 || c->complaints < 0 || !write_whole(c->script, script, strlen(script))
            || lseek(c->script, 0, SEEK_SET) != 0)
        return error_set(err, "no memory for a figure: %s", strerror(errno));
    return true;
}

static char *read_whole(int fd, size_t *bytes, arena *a)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    char *text = arena_take(a, (size_t)size + 1);
    *bytes = 0;
    for (ssize_t n; *bytes < (size_t)size && (n = pread(fd, text + *bytes, (size_t)size - *bytes, (off_t)*bytes)) > 0;)
        *bytes += (size_t)n;
    text[*bytes] = 0;
    return text;
}

// Ours, but for what would change the picture: the language of numbers, and a user's own settings.
static char **environment(arena *a)
{
    extern char **environ;
    static const char *const without[] = { "LC_", "LANG=", "LANGUAGE=", "GNUTERM=", "GNUPLOT_" };
    int n = 0;
    while (environ[n])
        n++;
    char **kept = arena_take(a, ((size_t)n + 2) * sizeof *kept);
    int k = 0;
    for (int i = 0; i < n; i++) {
        bool keep = true;
        for (size_t j = 0; j < LEN(without); j++)
            keep &= strncmp(environ[i], without[j], strlen(without[j])) != 0;
        if (keep)
            kept[k++] = environ[i];
    }
    kept[k++] = arena_copy(a, "LC_ALL=C.UTF-8");
    kept[k] = NULL;
    return kept;
}

static bool start(const channels *c, pid_t *child, arena *a, error *err)
{
    char *arguments[] = { (char[]){ "gnuplot" }, (char[]){ "--default-settings" }, (char[]){ "-" }, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;                                      // the program blocks signals; a Ctrl-C should end gnuplot
    sigemptyset(&none);
    int trouble = posix_spawn_file_actions_init(&actions);
    CHECK(!trouble && !posix_spawnattr_init(&attributes), "no memory to start gnuplot");
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_adddup2(&actions, c->script, 0);
    posix_spawn_file_actions_adddup2(&actions, c->picture, 1);
    posix_spawn_file_actions_adddup2(&actions, c->complaints, 2);
    trouble = posix_spawnp(child, "gnuplot", &actions, &attributes, arguments, environment(a));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (trouble == ENOENT)
        return error_set(err, "figures need gnuplot, which is not installed: "
                         "apt install gnuplot-nox (or your system's package 'gnuplot')");
    return trouble == 0 || error_set(err, "gnuplot cannot be started: %s", strerror(trouble));
}

// The first complaint of gnuplot's own that matters. Its font libraries grumble on bare systems and draw all the same; a
// legend that fits its corner badly is still a legend.
static const char *first_complaint(char *text)
{
    static const char *const harmless[] = { "Fontconfig", "Pango-WARNING", "Pango-CRITICAL", "(process:", "(gnuplot:",
        "difficulty fitting plot titles" };
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        bool ours = line[strspn(line, " \t^|")] != 0;   // not an arrow under a line of the script
        for (size_t i = 0; i < LEN(harmless); i++)
            ours &= !strstr(line, harmless[i]);
        if (ours)
            return line + strspn(line, " \t");
    }
    return NULL;
}

static bool ends_with(const char *data, size_t bytes, const char *end)
{
    while (bytes > 0 && strchr(" \t\r\n", data[bytes - 1]))
        bytes--;
    return bytes >= strlen(end) && bytes > 0 && memcmp(data + bytes - strlen(end), end, strlen(end)) == 0;
}

char *gnuplot_run(const char *script, const char *end, size_t *bytes, arena *a, error *err)
{
    channels c;
    pid_t child;
    int status = 0;
    char *picture = NULL;
    if (open_channels(&c, script, err) && start(&c, &child, a, err)) {
        pid_t done;
        while ((done = waitpid(child, &status, 0)) < 0 && errno == EINTR) { }
        size_t unused;
        picture = read_whole(c.picture, bytes, a);
        const char *complaint = first_complaint(read_whole(c.complaints, &unused, a));
        if (complaint)
            error_set(err, "gnuplot: %s", complaint);
        else if (done < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
            error_set(err, "gnuplot ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        else if (!ends_with(picture, *bytes, end))
            error_set(err, "gnuplot left an incomplete picture of %zu bytes", *bytes);
        if (*err->text)
            picture = NULL;
    }
    close_channels(&c);
    return picture;
}

void gnuplot_trim(char *text)
{
    char *out = text;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n\f");
        size_t n = (size_t)(end - line);
        end += *end != 0;
        while (n && line[n - 1] == ' ')
            n--;
        if (n == 0)
            continue;
        memmove(out, line, n);
        out += n;
        *out++ = '\n';
    }
    *out = 0;
}
