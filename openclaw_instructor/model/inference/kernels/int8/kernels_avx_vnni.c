/* The stages for AVX2 with VNNI, but without AVX-512. */

#ifdef __x86_64__

#define WITH_AVX_VNNI
#define MOST_TILE_ROWS 6
#define MOST_FLOAT_VECTORS 2
#define KERNELS avx_vnni_kernels

#include "simd_avx2.h"
#include "stages.h"

#endif
