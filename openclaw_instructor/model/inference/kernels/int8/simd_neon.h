/* Vectors of NEON with the dot products of ARMv8.2, which Apple's processors, Graviton 2, the Raspberry Pi 5 and newer
 * ones have.
 *
 * Both factors of these products are signed, so a row's bytes are shifted by 128 and its `low` makes up for it. The sums
 * are exact.
 */

#ifndef OPENCLAW_INSTRUCTOR_SIMD_NEON_H
#define OPENCLAW_INSTRUCTOR_SIMD_NEON_H

#ifndef __ARM_FEATURE_DOTPROD
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif

#include <arm_neon.h>
#include <math.h>
#include <stdint.h>

typedef float32x4_t Floats;
typedef int32x4_t Ints;

enum {
    FLOATS = 4,
    TILE_ROWS = 6,
    TILE_VECTORS = 4,
    FLOAT_ROWS = 6,
    FLOAT_VECTORS = 4,
    STEPS = 255,
    SHIFT = 128, /* of a row's bytes, from 0 to 255 to what products take */
    WEIGHT_STEPS = 127,
    MOST_OF_PAIR = 0, /* no limit */
};

static inline Floats load(const float *from) { return vld1q_f32(from); }
static inline void store(float *to, Floats x) { vst1q_f32(to, x); }
static inline Floats all(float x) { return vdupq_n_f32(x); }
static inline Floats add(Floats x, Floats y) { return vaddq_f32(x, y); }
static inline Floats sub(Floats x, Floats y) { return vsubq_f32(x, y); }
static inline Floats mul(Floats x, Floats y) { return vmulq_f32(x, y); }
static inline Floats mul_add(Floats x, Floats y, Floats z) { return vfmaq_f32(z, x, y); }
static inline Floats least(Floats x, Floats y) { return vminq_f32(x, y); }
static inline Floats greatest(Floats x, Floats y) { return vmaxq_f32(x, y); }
static inline Floats magnitude(Floats x) { return vabsq_f32(x); }
static inline float sum_of(Floats x) { return vaddvq_f32(x); }
static inline float least_of(Floats x) { return vminvq_f32(x); }
static inline float greatest_of(Floats x) { return vmaxvq_f32(x); }
static inline float root(float x) { return sqrtf(x); }
static inline Floats reciprocal(Floats x) { return vdivq_f32(all(1.0f), x); }

/* x times 2^whole, where `whole` is a whole number of at most 0; numbers below 2^-126 become zero. */
static inline Floats times_power_of_two(Floats x, Floats whole) {
    Ints exponent = vaddq_s32(vcvtq_s32_f32(greatest(whole, all(-127.0f))), vdupq_n_s32(127));
    return mul(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}

static inline Floats rounded_down(Floats x) { return vrndmq_f32(x); }

static inline Floats load_bfloat16(const uint16_t *from) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(from), 16));
}

static inline void store_bytes(uint8_t *to, Floats x) {
    uint16x4_t words = vqmovn_u32(vcvtnq_u32_f32(x));
    uint8x8_t bytes = veor_u8(vqmovn_u16(vcombine_u16(words, words)), vdup_n_u8(SHIFT));
    vst1_lane_u32((uint32_t *)to, vreinterpret_u32_u8(bytes), 0);
}

/* Transposes 4 rows of 4 numbers, `stride` apart, to rows `to_stride` apart. */
static inline void transpose(const float *from, long stride, float *to, long to_stride) {
    float32x4x2_t even = vtrnq_f32(load(from), load(from + stride));
    float32x4x2_t odd = vtrnq_f32(load(from + 2 * stride), load(from + 3 * stride));
    for (int i = 0; i < 2; i++) {
        store(to + i * to_stride, vcombine_f32(vget_low_f32(even.val[i]), vget_low_f32(odd.val[i])));
        store(to + (i + 2) * to_stride, vcombine_f32(vget_high_f32(even.val[i]), vget_high_f32(odd.val[i])));
    }
}

static inline Ints no_sums(void) { return vdupq_n_s32(0); }
static inline Ints load_ints(const void *from) { return vld1q_s32(from); }
static inline Floats as_floats(Ints x) { return vcvtq_f32_s32(x); }
static inline Ints broadcast_four(const uint8_t *from) { return vld1q_dup_s32((const int32_t *)from); }

static inline __attribute__((always_inline)) Ints add_products(Ints sums, Ints row, Ints weight) {
    return vdotq_s32(sums, vreinterpretq_s8_s32(row), vreinterpretq_s8_s32(weight));
}

#endif
