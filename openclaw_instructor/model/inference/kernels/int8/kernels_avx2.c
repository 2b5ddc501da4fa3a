/* The stages for AVX2. */

#ifdef __x86_64__

#define MOST_TILE_ROWS 4
#define MOST_FLOAT_VECTORS 2
#define KERNELS avx2_kernels

#include "simd_avx2.h"
#include "stages.h"

#endif
