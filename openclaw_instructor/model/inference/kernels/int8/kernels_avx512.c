/* The stages for AVX-512 with VNNI. */

#ifdef __x86_64__

#define MOST_TILE_ROWS 6
#define MOST_FLOAT_VECTORS 4
#define KERNELS avx512_kernels

#include "simd_avx512.h"
#include "stages.h"

#endif
