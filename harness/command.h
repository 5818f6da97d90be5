// The commands of the program. Each brings a table of its flags, read by the same code as a sweep file: `--dry-run` sets the
// field dry_run, `--jobs 2` or `--jobs=2` the field jobs.
#pragma once
#include "base/param.h"

// Exit status of the program.
enum { EXIT_DONE = 0, EXIT_SOME_FAILED = 1, EXIT_WRONG_INPUT = 2, EXIT_STORE = 3, EXIT_INTERRUPTED = 130 };

typedef struct command {
    const char  *name, *arguments, *summary;        // "run", "SWEEP.yaml", one line
    const char  *help;                              // more of it, shown by --help; may be NULL
    const param *flags;
    size_t       flags_size;
    int          least, most;                       // positional arguments
    int        (*run)(const void *flags, const char *const *words, int n, arena *, diag *);
} command;

extern const command command_run, command_status, command_table, command_plot, command_export, command_list, command_sample,
    command_bench;
extern const command command_check, command_forward, command_init, command_score;

int wrong_input(diag *);                            // prints the reports; EXIT_WRONG_INPUT
