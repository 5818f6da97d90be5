#include "harness/double.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "nn/cpu.h"

enum { MOST_WORDS = 80 };

static bool program_path(char *path, size_t room, error *e)
{
    const ssize_t n = readlink("/proc/self/exe", path, room - 32);
    if (n <= 0) return error_set(e, "the program's own place is not known: %s", strerror(errno));
    path[n] = 0;
    char *name = strrchr(path, '/') + 1;
    strcpy(name, "scanbench-double");
    return access(path, X_OK) == 0 || error_set(e, "the double build is missing: %s; ninja makes it with the program", path);
}

static void execute(const char *path, const char *const *words)
{
    const char *all[MOST_WORDS + 4] = { path, "--cpu", cpu_level_names[cpu_current()] };
    for (int i = 0; i < MOST_WORDS && words[i]; i++) all[i + 3] = words[i];
    execv(path, (char *const *)all);
}

bool double_become(const char *const *words, error *e)
{
    char path[4096];
    if (!program_path(path, sizeof path, e)) return false;
    execute(path, words);
    return error_set(e, "%s cannot be executed: %s", path, strerror(errno));
}

bool double_start(double_process *p, const char *const *words, error *e)
{
    char path[4096];
    int out[2];
    if (!program_path(path, sizeof path, e)) return false;
    if (pipe2(out, O_CLOEXEC)) return error_set(e, "no pipe to %s: %s", path, strerror(errno));
    p->out = out[0];
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        execute(path, words);
        _exit(127);
    }
    close(out[1]);
    return p->pid > 0 || error_set(e, "%s cannot be started: %s", path, strerror(errno));
}

char *double_finish(double_process *p, int *status, arena *a)
{
    size_t room = 1 << 16, n = 0;
    char *text = arena_take(a, room);
    for (ssize_t got; (got = read(p->out, text + n, room - 1 - n)) != 0;) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        n += (size_t)got;
        if (n < room - 1) continue;
        char *longer = arena_take(a, room *= 2);
        text = memcpy(longer, text, n);
    }
    text[n] = 0;
    close(p->out);
    int how = 0;
    while (waitpid(p->pid, &how, 0) < 0 && errno == EINTR) continue;
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    return text;
}
