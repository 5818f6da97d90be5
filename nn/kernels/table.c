#include "nn/kernels/vector.h"

#define KERNEL_ENTRY_(result, name, arguments) .name = KERNEL(name),
const kernels JOIN(kernels, LEVEL) = { KERNELS(KERNEL_ENTRY_) };
