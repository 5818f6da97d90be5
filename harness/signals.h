// Signals without handlers: they are blocked before the first thread starts and asked for between steps. (A handler may run
// on a stack that a matrix library keeps in the heap.)
#pragma once
#include <stdbool.h>

void signals_block(void);               // SIGINT, SIGTERM, SIGHUP, SIGCHLD
bool signals_stop(void);                // has one of the first three arrived? Remembered from then on
int  signals_wait(int milliseconds);    // the next signal, 0 when none came; a stop is remembered
