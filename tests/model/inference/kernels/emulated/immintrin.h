/* The AVX-512 and AMX instructions that the kernels use, in plain C.
 *
 * Compiled with this folder before the compiler's own, the kernels run on any processor and under sanitizers: slowly, but
 * with the same loads, stores and order of work. Intel's Intrinsics Guide defines each.
 */

#ifndef EMULATED_IMMINTRIN_H
#define EMULATED_IMMINTRIN_H

#include <emmintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float __m512 __attribute__((vector_size(64)));
typedef long long __m512i __attribute__((vector_size(64)));
typedef long long __m256i __attribute__((vector_size(32)));
typedef uint16_t __mmask16;
typedef uint16_t Words __attribute__((vector_size(64)));
typedef uint32_t Doubles __attribute__((vector_size(64)));

#ifndef _MM_DENORMALS_ZERO_ON
#define _MM_DENORMALS_ZERO_ON 0x0040
#endif
enum { _MM_FROUND_TO_NEG_INF = 1, _MM_FROUND_NO_EXC = 8 };

#define EMULATED static inline __attribute__((unused))
#define EACH(count) for (int i = 0; i < (count); i++)

EMULATED __m512 _mm512_loadu_ps(const void *from) { __m512 y; memcpy(&y, from, 64); return y; }
EMULATED void _mm512_storeu_ps(void *to, __m512 x) { memcpy(to, &x, 64); }
EMULATED __m512i _mm512_loadu_si512(const void *from) { __m512i y; memcpy(&y, from, 64); return y; }
EMULATED void _mm512_storeu_si512(void *to, __m512i x) { memcpy(to, &x, 64); }
EMULATED __m256i _mm256_loadu_si256(const __m256i *from) { __m256i y; memcpy(&y, from, 32); return y; }

EMULATED __m512 _mm512_set1_ps(float x) { __m512 y; EACH(16) y[i] = x; return y; }
EMULATED __m512 _mm512_setzero_ps(void) { return _mm512_set1_ps(0); }
EMULATED __m512i _mm512_setzero_si512(void) { return (__m512i)_mm512_setzero_ps(); }
EMULATED __m512i _mm512_set1_epi16(short x) { Words y; EACH(32) y[i] = (uint16_t)x; return (__m512i)y; }

EMULATED __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
EMULATED __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
EMULATED __m512 _mm512_max_ps(__m512 a, __m512 b) { __m512 y; EACH(16) y[i] = a[i] > b[i] ? a[i] : b[i]; return y; }
EMULATED __m512 _mm512_abs_ps(__m512 x) { __m512 y; EACH(16) y[i] = fabsf(x[i]); return y; }
EMULATED __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) { __m512 y; EACH(16) y[i] = fmaf(a[i], b[i], c[i]); return y; }
EMULATED __m512 _mm512_fmsub_ps(__m512 a, __m512 b, __m512 c) { __m512 y; EACH(16) y[i] = fmaf(a[i], b[i], -c[i]); return y; }
EMULATED __m512 _mm512_fnmadd_ps(__m512 a, __m512 b, __m512 c) { __m512 y; EACH(16) y[i] = fmaf(-a[i], b[i], c[i]); return y; }
EMULATED __m512 _mm512_rcp14_ps(__m512 x) { __m512 y; EACH(16) y[i] = 1 / x[i]; return y; }
EMULATED __m512 _mm512_reduce_ps(__m512 x, int mode) { (void)mode; __m512 y; EACH(16) y[i] = x[i] - floorf(x[i]); return y; }
EMULATED __m512 _mm512_scalef_ps(__m512 a, __m512 b) { __m512 y; EACH(16) y[i] = a[i] * exp2f(floorf(b[i])); return y; }
EMULATED float _mm512_reduce_max_ps(__m512 x) { float y = x[0]; EACH(16) y = x[i] > y ? x[i] : y; return y; }
EMULATED float _mm512_reduce_add_ps(__m512 x) { float y = 0; EACH(16) y += x[i]; return y; }

EMULATED __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *from) {
    __m512 y = _mm512_setzero_ps();
    /* What the mask leaves out is not read. */
    EACH(16) if (mask >> i & 1) { float x; memcpy(&x, (const char *)from + 4 * i, 4); y[i] = x; }
    return y;
}

EMULATED __m512 _mm512_mask_add_ps(__m512 other, __mmask16 mask, __m512 a, __m512 b) {
    EACH(16) if (mask >> i & 1) other[i] = a[i] + b[i];
    return other;
}

EMULATED __m512i _mm512_add_epi16(__m512i a, __m512i b) { return (__m512i)((Words)a + (Words)b); }
EMULATED __m512i _mm512_slli_epi32(__m512i x, int bits) { return (__m512i)((Doubles)x << bits); }

EMULATED __m512i _mm512_cvtepu16_epi32(__m256i x) {
    uint16_t words[16];
    Doubles y = {0};
    memcpy(words, &x, 32);
    EACH(16) y[i] = words[i];
    return (__m512i)y;
}

EMULATED uint16_t rounded_to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

EMULATED __m512i _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
    Words y = {0};
    EACH(16) { y[i] = rounded_to_bf16(low[i]); y[i + 16] = rounded_to_bf16(high[i]); }
    return (__m512i)y;
}

EMULATED __m512i interleaved(__m512i a, __m512i b, int first) {
    Doubles x = (Doubles)a, z = (Doubles)b, y = {0};
    EACH(16) y[i] = (i % 2 ? z : x)[i / 4 * 4 + first + i % 4 / 2];
    return (__m512i)y;
}

EMULATED __m512i _mm512_unpacklo_epi32(__m512i a, __m512i b) { return interleaved(a, b, 0); }
EMULATED __m512i _mm512_unpackhi_epi32(__m512i a, __m512i b) { return interleaved(a, b, 2); }
EMULATED __m512i _mm512_unpacklo_epi64(__m512i a, __m512i b) { __m512i y; EACH(8) y[i] = (i % 2 ? b : a)[i / 2 * 2]; return y; }
EMULATED __m512i _mm512_unpackhi_epi64(__m512i a, __m512i b) { __m512i y; EACH(8) y[i] = (i % 2 ? b : a)[i / 2 * 2 + 1]; return y; }

EMULATED __m512i _mm512_shuffle_i32x4(__m512i a, __m512i b, int lanes) {
    __m512i y = {0};
    EACH(8) y[i] = (i < 4 ? a : b)[2 * (lanes >> i / 2 * 2 & 3) + i % 2];
    return y;
}

EMULATED __m512i _mm512_permutex2var_epi16(__m512i a, __m512i index, __m512i b) {
    Words y, at = (Words)index;
    EACH(32) y[i] = ((Words)(at[i] & 32 ? b : a))[at[i] & 31];
    return (__m512i)y;
}

/* -- tiles: eight of 16 rows of 64 bytes for each thread, all of them whole -- */

static __thread uint8_t emulated_tiles[8][16][64];
static __thread uint8_t emulated_config[64];

EMULATED void _tile_loadconfig(const void *from) { memcpy(emulated_config, from, 64); }
EMULATED void _tile_storeconfig(void *to) { memcpy(to, emulated_config, 64); }
EMULATED void _tile_release(void) { memset(emulated_config, 0, 64); }
EMULATED void _tile_zero(int tile) { memset(emulated_tiles[tile], 0, 1024); }
EMULATED void _tile_loadd(int tile, const void *from, long stride) {
    EACH(16) memcpy(emulated_tiles[tile][i], (const char *)from + i * stride, 64);
}
EMULATED void _tile_stream_loadd(int tile, const void *from, long stride) { _tile_loadd(tile, from, stride); }
EMULATED void _tile_stored(int tile, void *to, long stride) {
    EACH(16) memcpy((char *)to + i * stride, emulated_tiles[tile][i], 64);
}

EMULATED float from_bf16(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float y = {0};
    memcpy(&y, &bits, 4);
    return y;
}

EMULATED void _tile_dpbf16ps(int sums, int left, int right) {
    float c[16][16];
    uint16_t a[16][32], b[16][32];
    memcpy(c, emulated_tiles[sums], 1024);
    memcpy(a, emulated_tiles[left], 1024);
    memcpy(b, emulated_tiles[right], 1024);
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 16; k++)
            for (int n = 0; n < 16; n++)
                c[m][n] += from_bf16(a[m][2 * k]) * from_bf16(b[k][2 * n]) + from_bf16(a[m][2 * k + 1]) * from_bf16(b[k][2 * n + 1]);
    memcpy(emulated_tiles[sums], c, 1024);
}

#endif
