// safetensors: an 8-byte length, a JSON header (name → dtype, shape, offsets; "__metadata__": text → text), the data.
// Files of ours open in Python's safetensors and theirs here: F32, F64, I32, I64, U8. Offsets are checked against the file.
#pragma once
#include "base/file.h"

typedef enum { ARRAY_F32, ARRAY_F64, ARRAY_I32, ARRAY_I64, ARRAY_U8 } array_type;
typedef struct named_array { const char *name; array_type type; int rank; int64_t dim[5]; void *data; } named_array;

int64_t array_count(const named_array *);                                       // elements
size_t  array_bytes(const named_array *);

bool safetensors_write(const char *path, const named_array *, int n, const char *const (*metadata)[2], int n_metadata, error *);

typedef struct safetensors { named_array *array; int n; const char *(*metadata)[2]; int n_metadata; } safetensors;
bool safetensors_read(const char *path, safetensors *, arena *, error *);       // data copied into the arena
const named_array *safetensors_find(const safetensors *, const char *name);
const char        *safetensors_metadata(const safetensors *, const char *key);
