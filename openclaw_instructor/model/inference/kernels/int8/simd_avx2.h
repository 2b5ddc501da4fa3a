/* Vectors of AVX2, alone or with the VNNI of newer desktop processors (`WITH_AVX_VNNI`).
 *
 * Without VNNI two neighbouring products are added in 16 bits, signed. Bytes of a row go to 255, so the products are
 * exact if two neighbouring weights of one sign have magnitudes of at most 128 together, which `weights.py` sees to.
 */

#ifndef OPENCLAW_INSTRUCTOR_SIMD_AVX2_H
#define OPENCLAW_INSTRUCTOR_SIMD_AVX2_H

#if defined WITH_AVX_VNNI && defined EMULATED_AVX_VNNI /* for tests on a processor with AVX-512 only */
#define VPDPBUSD "vpdpbusd"
#pragma GCC target("avx2,fma,f16c,avx512f,avx512vl,avx512vnni")
#elif defined WITH_AVX_VNNI
#define VPDPBUSD "%{vex%} vpdpbusd"
#pragma GCC target("avx2,fma,f16c,avxvnni")
#else
#pragma GCC target("avx2,fma,f16c")
#endif

#include <immintrin.h>
#include <stdint.h>

typedef __m256 Floats;
typedef __m256i Ints;

enum {
    FLOATS = 8,
    TILE_VECTORS = 2,
    FLOAT_ROWS = 6,
    FLOAT_VECTORS = 2,
#ifdef WITH_AVX_VNNI
    TILE_ROWS = 6,
    STEPS = 255,
    SHIFT = 0,
    WEIGHT_STEPS = 127,
    MOST_OF_PAIR = 0, /* no limit */
#else
    TILE_ROWS = 4,
    STEPS = 255,
    SHIFT = 0,
    WEIGHT_STEPS = 127,
    MOST_OF_PAIR = 128,
#endif
};

static inline Floats load(const float *from) { return _mm256_loadu_ps(from); }
static inline void store(float *to, Floats x) { _mm256_storeu_ps(to, x); }
static inline Floats all(float x) { return _mm256_set1_ps(x); }
static inline Floats add(Floats x, Floats y) { return _mm256_add_ps(x, y); }
static inline Floats sub(Floats x, Floats y) { return _mm256_sub_ps(x, y); }
static inline Floats mul(Floats x, Floats y) { return _mm256_mul_ps(x, y); }
static inline Floats mul_add(Floats x, Floats y, Floats z) { return _mm256_fmadd_ps(x, y, z); }
static inline Floats least(Floats x, Floats y) { return _mm256_min_ps(x, y); }
static inline Floats greatest(Floats x, Floats y) { return _mm256_max_ps(x, y); }
static inline Floats magnitude(Floats x) { return _mm256_andnot_ps(all(-0.0f), x); }

static inline __m128 halves_of(Floats x, __m128 (*join)(__m128, __m128)) {
    __m128 four = join(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = join(four, _mm_movehl_ps(four, four));
    return join(two, _mm_shuffle_ps(two, two, 1));
}

static inline __m128 add_four(__m128 x, __m128 y) { return _mm_add_ps(x, y); }
static inline __m128 least_four(__m128 x, __m128 y) { return _mm_min_ps(x, y); }
static inline __m128 greatest_four(__m128 x, __m128 y) { return _mm_max_ps(x, y); }
static inline float sum_of(Floats x) { return _mm_cvtss_f32(halves_of(x, add_four)); }
static inline float least_of(Floats x) { return _mm_cvtss_f32(halves_of(x, least_four)); }
static inline float greatest_of(Floats x) { return _mm_cvtss_f32(halves_of(x, greatest_four)); }

static inline float root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

/* 1 / x, with a relative error of 2^-22. */
static inline Floats reciprocal(Floats x) {
    Floats y = _mm256_rcp_ps(x);
    return mul(y, _mm256_fnmadd_ps(x, y, all(2.0f)));
}

/* x times 2^whole, where `whole` is a whole number of at most 0; numbers below 2^-126 become zero. */
static inline Floats times_power_of_two(Floats x, Floats whole) {
    Floats bounded = greatest(whole, all(-127.0f));
    Ints exponent = _mm256_add_epi32(_mm256_cvtps_epi32(bounded), _mm256_set1_epi32(127));
    return mul(x, (Floats)_mm256_slli_epi32(exponent, 23));
}

static inline Floats rounded_down(Floats x) { return _mm256_floor_ps(x); }

static inline Floats load_bfloat16(const uint16_t *from) {
    return (Floats)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from)), 16);
}

static inline void store_bytes(uint8_t *to, Floats x) {
    Ints whole = _mm256_cvtps_epi32(x);
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(words, words));
}

/* Transposes 8 rows of 8 numbers, `stride` apart, to rows `to_stride` apart. */
static inline void transpose(const float *from, long stride, float *to, long to_stride) {
    Floats a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = load(from + i * stride);
    for (int i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int half = 0; half < 2; half++) {
            __m256d one = (__m256d)b[i + half], two = (__m256d)b[i + half + 2];
            a[i + 2 * half] = (Floats)_mm256_unpacklo_pd(one, two);
            a[i + 2 * half + 1] = (Floats)_mm256_unpackhi_pd(one, two);
        }
    for (int i = 0; i < 4; i++) {
        store(to + i * to_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        store(to + (i + 4) * to_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

static inline Ints no_sums(void) { return _mm256_setzero_si256(); }
static inline Ints load_ints(const void *from) { return _mm256_loadu_si256(from); }
static inline Floats as_floats(Ints x) { return _mm256_cvtepi32_ps(x); }
static inline Ints broadcast_four(const uint8_t *from) { return _mm256_set1_epi32(*(const int32_t *)from); }

static inline __attribute__((always_inline)) Ints add_products(Ints sums, Ints row, Ints weight) {
#ifdef WITH_AVX_VNNI
    /* For the intrinsic, gcc 12 copies the sums before every instruction. */
    __asm__(VPDPBUSD " %2, %1, %0" : "+x"(sums) : "x"(row), "x"(weight));
    return sums;
#else
    Ints pairs = _mm256_maddubs_epi16(row, weight);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

#endif
