// NumPy's .npy: a magic word, the version, a header that is the text of a Python dict (descr, fortran_order, shape), the data.
// Written: int32 in C order, version 1.0, byte for byte as numpy.save does. Read: int32 and int64 of either order, versions
// 1 to 3.
#pragma once
#include "base/file.h"

enum { NPY_RANK = 8 };

// The header of an int32 array [rows, columns]; the data follow it.
char *npy_header(int64_t rows, int64_t columns, size_t *bytes, arena *);

typedef struct npy {
    int         rank;
    int64_t     dim[NPY_RANK];
    bool        wide, fortran;                          // int64; the first index runs fastest
    const char *data;
} npy;

bool        npy_read(const char *path, npy *, arena *, error *);
int64_t     npy_at(const npy *, int64_t row, int64_t column);       // of a matrix
const char *npy_shape(const npy *, arena *);                        // "[2048, 19]"
