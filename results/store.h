// The store: one folder a cell, STORE/<cell-id>/, flat. config.yaml (the canonical text) first, log.jsonl line by line,
// checkpoint.safetensors now and then, result.json when training has ended, evaluate-<hash>.json for each evaluation.
// Its presence alone says how far a run is, so the same command again resumes; several sweeps can share one store.
#pragma once
#include <jansson.h>
#include "base/safetensors.h"

enum { STORE_FORMAT = 1 };                              // of result.json and evaluate-*.json; results/README.md describes them

typedef struct store store;
typedef struct run   run;
typedef enum { CLAIM_MINE, CLAIM_ENDED, CLAIM_BUSY, CLAIM_ERROR } claim;
typedef enum { RUN_DONE, RUN_FAILED, RUN_DIVERGED } run_status;
extern const char *const run_status_names[];            // "done", "failed", "diverged"

// write: made if absent, and proven writable; NULL: the error says why
store *store_open(const char *folder, bool write, arena *, error *);
// opened to read, an absent folder is a store without cells; nothing is ever written
const char *store_folder(const store *);

// Claims a cell for this process, held until run_close. MINE: to be trained, or continued (run_resume first); ENDED: has a
// result.json, the claim is held, evaluations can be added; BUSY: another process has it; ERROR: also when config.yaml is
// another text, or result.json is damaged or of a later format. The run is set for MINE and ENDED only.
claim  store_claim(store *, const char *id, const char *config, run **, error *);
void   run_close(run *);                                                 // NULL is allowed
const char *run_folder(const run *);

bool   run_log(run *, const json_t *line, error *);                      // one line, one write
// remembers the log's length as "log_bytes"
bool   run_checkpoint(run *, const named_array *, int n, const char *const (*state)[2], int n_state, error *);
// Fills arrays of the same names, types and shapes, all of them or none; the file may hold more. False with an empty error:
// there is none. Cuts the log back to it (without one, to nothing). A damaged checkpoint is reported (false, with the error), set
// aside as checkpoint.damaged, and the run starts again: the log is empty. If even that fails, every later run_log says so.
// Of an ended run: reads, and changes nothing.
bool   run_resume(run *, named_array *, int n, safetensors *state, arena *, error *);
// adds `format` and `status`, writes result.json; `result` is borrowed. The checkpoint stays, for later evaluations
bool   run_finish(run *, run_status, const char *reason, json_t *result, error *);
bool   run_evaluation(run *, const char *hash, const json_t *counts, error *);        // evaluate-<hash>.json, with `format`
bool   run_has_evaluation(const run *, const char *hash);                // a damaged one counts as absent
// forget everything but config.yaml (--retry failed); the claim is then MINE
bool   run_reset(run *, error *);

// What tables and plots read: a cell's result and one evaluation. JSON values are borrowed while `see` runs.
typedef struct row {
    const char   *id;
    const json_t *result;               // NULL: not ended
    const json_t *evaluation;           // NULL: absent, or damaged: to be made again
    json_int_t    last_step;            // "step" of the log's last line, where not ended; −1: no such line
    bool          busy;                 // a process holds the claim
} row;
// False where a file cannot be read or was written by a later version (the error says which; `see` is not called), else
// what `see` returned. A cell that is not in the store is a row of NULLs. evaluation_hash NULL: none is asked for.
bool   store_read(const store *, const char *id, const char *evaluation_hash, bool (*see)(const row *, void *), void *, error *);
// the log as an array, a new reference; a damaged last line is left out; NULL: unreadable
json_t *store_log(const store *, const char *id, error *);
void   store_each(const store *, void (*see)(const char *id, void *), void *);        // every cell in the store, sorted
