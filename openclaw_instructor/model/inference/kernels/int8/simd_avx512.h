/* Vectors of AVX-512 with VNNI, whose int8 products are exact. */

#ifndef OPENCLAW_INSTRUCTOR_SIMD_AVX512_H
#define OPENCLAW_INSTRUCTOR_SIMD_AVX512_H

#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#include <immintrin.h>
#include <stdint.h>

typedef __m512 Floats;
typedef __m512i Ints;

enum {
    FLOATS = 16,        /* in a vector */
    TILE_ROWS = 6,      /* of int8 products */
    TILE_VECTORS = 4,   /* of outputs, in a panel of a weight */
    FLOAT_ROWS = 6,     /* the same of float32 products */
    FLOAT_VECTORS = 4,
    STEPS = 255,        /* from the least number of a row to its greatest */
    SHIFT = 0,          /* of a row's bytes, from 0 to 255 to what products take */
    WEIGHT_STEPS = 127, /* from zero to the greatest magnitude of a weight's row */
    MOST_OF_PAIR = 0,   /* what two neighbouring weights of one sign may be together; 0 for no limit */
};

static inline Floats load(const float *from) { return _mm512_loadu_ps(from); }
static inline void store(float *to, Floats x) { _mm512_storeu_ps(to, x); }
static inline Floats all(float x) { return _mm512_set1_ps(x); }
static inline Floats add(Floats x, Floats y) { return _mm512_add_ps(x, y); }
static inline Floats sub(Floats x, Floats y) { return _mm512_sub_ps(x, y); }
static inline Floats mul(Floats x, Floats y) { return _mm512_mul_ps(x, y); }
static inline Floats mul_add(Floats x, Floats y, Floats z) { return _mm512_fmadd_ps(x, y, z); }
static inline Floats least(Floats x, Floats y) { return _mm512_min_ps(x, y); }
static inline Floats greatest(Floats x, Floats y) { return _mm512_max_ps(x, y); }
static inline Floats magnitude(Floats x) { return _mm512_abs_ps(x); }
static inline float sum_of(Floats x) { return _mm512_reduce_add_ps(x); }
static inline float least_of(Floats x) { return _mm512_reduce_min_ps(x); }
static inline float greatest_of(Floats x) { return _mm512_reduce_max_ps(x); }

static inline float root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

/* 1 / x, with a relative error of 2^-28. */
static inline Floats reciprocal(Floats x) {
    Floats y = _mm512_rcp14_ps(x);
    return mul(y, _mm512_fnmadd_ps(x, y, all(2.0f)));
}

/* x times 2^whole. */
static inline Floats times_power_of_two(Floats x, Floats whole) { return _mm512_scalef_ps(x, whole); }

static inline Floats rounded_down(Floats x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }

/* Numbers of bfloat16, as float32. */
static inline Floats load_bfloat16(const uint16_t *from) {
    return (Floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from)), 16);
}

/* Stores numbers from 0 to 255, rounded to the nearest whole ones. */
static inline void store_bytes(uint8_t *to, Floats x) {
    _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
}

/* Transposes 16 rows of 16 numbers, `stride` apart, to rows `to_stride` apart. */
static inline void transpose(const float *from, long stride, float *to, long to_stride) {
    Floats a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = load(from + i * stride);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int half = 0; half < 2; half++) {
            __m512d one = (__m512d)b[i + half], two = (__m512d)b[i + half + 2];
            a[i + 2 * half] = (Floats)_mm512_unpacklo_pd(one, two);
            a[i + 2 * half + 1] = (Floats)_mm512_unpackhi_pd(one, two);
        }
    for (int i = 0; i < 4; i++) {
        Floats even[2], odd[2];
        for (int half = 0; half < 2; half++) {
            even[half] = _mm512_shuffle_f32x4(a[8 * half + i], a[8 * half + i + 4], 0x88);
            odd[half] = _mm512_shuffle_f32x4(a[8 * half + i], a[8 * half + i + 4], 0xdd);
        }
        store(to + i * to_stride, _mm512_shuffle_f32x4(even[0], even[1], 0x88));
        store(to + (i + 4) * to_stride, _mm512_shuffle_f32x4(odd[0], odd[1], 0x88));
        store(to + (i + 8) * to_stride, _mm512_shuffle_f32x4(even[0], even[1], 0xdd));
        store(to + (i + 12) * to_stride, _mm512_shuffle_f32x4(odd[0], odd[1], 0xdd));
    }
}

static inline Ints no_sums(void) { return _mm512_setzero_si512(); }
static inline Ints load_ints(const void *from) { return _mm512_loadu_si512(from); }
static inline Floats as_floats(Ints x) { return _mm512_cvtepi32_ps(x); }

/* Four bytes of a row in every lane. */
static inline Ints broadcast_four(const uint8_t *from) { return _mm512_set1_epi32(*(const int32_t *)from); }

/* Adds the products of four unsigned and four signed bytes to each lane. For the intrinsic, gcc 12 copies the sums before
 * every instruction, which halves the speed. */
static inline __attribute__((always_inline)) Ints add_products(Ints sums, Ints row, Ints weight) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(row), "v"(weight));
    return sums;
}

#endif
