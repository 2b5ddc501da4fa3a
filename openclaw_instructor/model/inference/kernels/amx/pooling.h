/* What comes before the layers and after them, in float32: token rows, unit rows, their mean over a prompt, and the
 * projection. */

#ifndef OPENCLAW_INSTRUCTOR_POOLING_H
#define OPENCLAW_INSTRUCTOR_POOLING_H

#include <string.h>

#include "gemm.h"

enum {
    FLOATS = 16, /* in a vector */
    /* Prompts whose sums are kept side by side while a projection goes through the channels. */
    PROMPTS_AT_ONCE = 8,
};

/* Converts a row of the token table to float32. */
static inline void read_token(const bf16 *from, long width, float *to) {
    for (long channel = 0; channel < width; channel += FLOATS) {
        __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(from + channel)));
        _mm512_storeu_ps(to + channel, (__m512)_mm512_slli_epi32(high, 16));
    }
}

/* The factor that scales a row to unit length; `floor` is the root of width x epsilon. */
static inline float unit_scale(const float *row, long width, float floor) {
    __m512 squares = _mm512_setzero_ps();
    for (long channel = 0; channel < width; channel += FLOATS) {
        __m512 some = _mm512_loadu_ps(row + channel);
        squares = _mm512_fmadd_ps(some, some, squares);
    }
    __m128 sum = _mm_set_ss(_mm512_reduce_add_ps(squares) + floor * floor);
    return 1.0f / _mm_cvtss_f32(_mm_sqrt_ss(sum));
}

/* The mean of the unit rows at `count` positions; zeros if there are none. */
static inline void mean_of_units(const float *states, long stride, long width, float floor, const int64_t *positions,
                                 long count, float *to) {
    memset(to, 0, (size_t)width * sizeof *to);
    for (long i = 0; i < count; i++) {
        const float *row = states + positions[i] * stride;
        __m512 scale = _mm512_set1_ps(unit_scale(row, width, floor) / (float)count);
        for (long channel = 0; channel < width; channel += FLOATS) {
            __m512 sum = _mm512_loadu_ps(to + channel);
            _mm512_storeu_ps(to + channel, _mm512_fmadd_ps(_mm512_loadu_ps(row + channel), scale, sum));
        }
    }
}

/* Computes outputs `from` to `until` of a weight (outputs, width) for `count` rows (width); `to` is (count, outputs). */
static inline void project_rows(const float *rows, long count, long width, const float *weight, long from, long until,
                                float *to, long outputs) {
    for (long first = 0; first < count; first += PROMPTS_AT_ONCE) {
        long some = count - first < PROMPTS_AT_ONCE ? count - first : PROMPTS_AT_ONCE;
        const float *row[PROMPTS_AT_ONCE];
        /* Beyond the last row the first of these again, whose result is dropped. */
        for (long r = 0; r < PROMPTS_AT_ONCE; r++) row[r] = rows + (first + (r < some ? r : 0)) * width;
        for (long output = from; output < until; output++) {
            const float *factor = weight + output * width;
            __m512 sums[PROMPTS_AT_ONCE];
            for (long r = 0; r < PROMPTS_AT_ONCE; r++) sums[r] = _mm512_setzero_ps();
            for (long channel = 0; channel < width; channel += FLOATS)
#pragma GCC unroll 8
                for (long r = 0; r < PROMPTS_AT_ONCE; r++)
                    sums[r] = _mm512_fmadd_ps(_mm512_loadu_ps(row[r] + channel), _mm512_loadu_ps(factor + channel), sums[r]);
            for (long r = 0; r < some; r++) to[(first + r) * outputs + output] = _mm512_reduce_add_ps(sums[r]);
        }
    }
}

static inline void normalize(float *vector, long dimension) {
    float scale = unit_scale(vector, dimension, 1e-12f);
    for (long i = 0; i < dimension; i += FLOATS)
        _mm512_storeu_ps(vector + i, _mm512_mul_ps(_mm512_loadu_ps(vector + i), _mm512_set1_ps(scale)));
}

#endif
