/* The stages for NEON with dot products. */

#ifdef __aarch64__

#define MOST_TILE_ROWS 6
#define MOST_FLOAT_VECTORS 4
#define KERNELS neon_kernels

#include "simd_neon.h"
#include "stages.h"

#endif
