// A cell's process: reads its variant from standard input, trains it, evaluates it, tells its parent how it goes.
#pragma once

// What it writes to standard output, a line each: "step N OF STAGE STAGES LENGTH LOSS ERROR TOKENS", "evaluate".
// Exit status 0: done (diverged, too); 3: the store cannot be written; 4: another process has the cell; 130: interrupted.
enum { CELL_DONE_STATUS = 0, CELL_STORE_STATUS = 3, CELL_BUSY_STATUS = 4, CELL_INTERRUPTED_STATUS = 130 };
int cell_main(int argc, char **argv);   // cell SEED THREADS CHECKPOINT-SECONDS STORE
