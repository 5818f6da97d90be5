// A task: a pure function from (options, length, random numbers) to an example. It sees no tensor and no model. The harness
// starts the random numbers of example i from (seed, split, length, i), so that nothing is stored, any order and any
// number of threads give the same data, and training, validation and test never share a draw.
//
// Length counts symbols; tokens(length) says how many tokens that makes (start mark, answer slots). A start mark is the id
// after the last symbol, unsupervised, and counts in no length, error or position.
#pragma once
#include "base/param.h"
#include "base/rng.h"

enum { TASK_IGNORE = -1 };                              // a position without a target

// A field that every task's options should have, and its line for their table; dataset_…() do the rest. DISJOINT_HASH: a hash
// of the input says which split an example may be in, so that no test example can have been trained on; training,
// validation and test take 6, 1 and 1 of 8 parts of the space.
enum { DISJOINT_NONE, DISJOINT_HASH };
#define TASK_OPTIONS int disjoint
#define TASK_PARAMS(T) CHOICE(T, disjoint, "none", task_disjoint_words, "hash: no example is in two splits")
extern const char *const task_disjoint_words[];

// The same for a task whose states are an automaton's: a share of the transitions is kept from training (tasks/holdout.h), and
// the task has trained() and held_out().
#define TRANSITION_OPTIONS TASK_OPTIONS; double holdout_transitions
#define TRANSITION_PARAMS(T) \
    REAL(T, holdout_transitions, "0", 0, 0.5, "share of the (state, symbol) pairs that only test examples have"), \
    TASK_PARAMS(T)

typedef struct task_size { int input, output; } task_size;      // vocabularies

// A shallow strategy, run on the generated data; its error is stored with each evaluation. predict() writes an output id
// for every token, asked or not.
typedef struct task_floor {
    const char *name, *summary;
    void (*predict)(const void *self, const int *input, int tokens, int *output);
} task_floor;

typedef struct task {
    OBJECT;                                                             // version: raised whenever the generator changes
    const char *convention;                                             // what is asked where, in words
    const char *example_options;                                        // of the worked example: "{ group: S3, start: bos }"
    int         example_length;
    const char *example_text;                                           // and its text, which the tests verify
    void     *(*open)   (const void *options, arena *, mark at, diag *);    // tables; NULL after a report
    task_size (*size)   (const void *self);
    bool      (*fits)   (const void *self, int length, char *why, size_t room);    // is there an example of this length?
    int       (*tokens) (const void *self, int length);
    double    (*space)  (const void *self, int length);                 // log2 of the number of distinct examples
    void      (*example)(const void *self, int length, rng *, int *input, int *target);    // [tokens(length)] each
    bool      (*prefixes)(const void *self);                            // true: every symbol is asked, and an example cut to a
                                                                        // shorter length is an example of that length
    const char *(*symbol)(const void *self, int id, arena *);           // an input id for people; NULL: its number
    // NULL in a task without transitions. The same task that never takes one that is held out, for training and validation:
    // NULL where none is. And where an input takes one, [tokens]; of how many transitions in all.
    const void *(*trained) (const void *self);
    int         (*held_out)(const void *self, const int *input, int tokens, bool *taken);
    const task_floor *floors;                                           // ends with {0}
} task;

extern const task *const task_list[];                   // made by the build
extern const int         task_list_length;
const object_family *task_family(void);

// A task with its options, opened. Test examples are those of self; training and validation ones of trained, another where
// transitions are held out.
typedef struct dataset {
    const task *task;
    const void *self, *trained, *options;
    uint64_t    seed;
    bool        disjoint;
} dataset;
typedef enum { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST } data_split;
extern const char *const data_split_names[];

bool   dataset_open(dataset *, const param_object *description, uint64_t seed, arena *, diag *);
int    dataset_tokens(const dataset *, int length);
bool   dataset_fits(const dataset *, int length, char *why, size_t room);  // the task's answer; disjoint splits need room as well
bool   dataset_prefixes(const dataset *);               // the task's answer; false for disjoint splits
void   dataset_example(const dataset *, data_split, int length, int64_t index, int *input, int *target);
// An example for people, a column a token: the lines "input", "symbol" (where the task names its inputs) and "target"
// ('.' where nothing is asked).
const char *dataset_text(const dataset *, const int *input, const int *target, int tokens, arena *);
bool   dataset_holds_out(const dataset *);              // are there transitions that only test examples have?
// Where an input takes one of them, [tokens]; of how many transitions in all. Only where there are any.
int    dataset_held_out(const dataset *, const int *input, int tokens, bool *taken);
double dataset_chance(const dataset *);                 // error of a uniform guess: 1 − 1/outputs

// Share of test examples of this length that `draws` training examples are expected to have shown: 1 − exp(−draws/|space|), or 0
// where splits are disjoint. Where transitions are held out, of the part of the space that training can show.
double dataset_overlap(const dataset *, int length, double draws);
// Shortest length (at most `longest`) at which under 1 % has been seen; longest + 1 where there is none.
int    dataset_novel_from(const dataset *, double draws, int longest);
