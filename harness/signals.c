#include "harness/signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static bool stop;

static sigset_t stopping(bool children)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (children) sigaddset(&set, SIGCHLD);
    return set;
}

void signals_block(void)
{
    const sigset_t set = stopping(true);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int take(const sigset_t *set, int milliseconds)
{
    const struct timespec wait = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    const int got = sigtimedwait(set, NULL, &wait);
    if (got > 0 && got != SIGCHLD) stop = true;
    return got > 0 ? got : 0;
}

bool signals_stop(void)
{
    const sigset_t set = stopping(false);
    take(&set, 0);
    return stop;
}

int signals_wait(int milliseconds)
{
    const sigset_t set = stopping(true);
    return take(&set, milliseconds);
}
