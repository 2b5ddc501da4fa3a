/* Functions of 16 floats, as exact as results need to be that are rounded to bfloat16. */

#ifndef OPENCLAW_INSTRUCTOR_VECTOR_MATH_H
#define OPENCLAW_INSTRUCTOR_VECTOR_MATH_H

#include <immintrin.h>

/* 2^x for x <= 0, with a relative error of 3 millionths. */
static inline __m512 exp2_ps(__m512 x) {
    __m512 fraction = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 y = _mm512_set1_ps(1.3534149e-2f);
    y = _mm512_fmadd_ps(y, fraction, _mm512_set1_ps(5.2011492e-2f));
    y = _mm512_fmadd_ps(y, fraction, _mm512_set1_ps(2.4144274e-1f));
    y = _mm512_fmadd_ps(y, fraction, _mm512_set1_ps(6.9300384e-1f));
    y = _mm512_fmadd_ps(y, fraction, _mm512_set1_ps(1.0000026f));
    return _mm512_scalef_ps(y, x);
}

static inline __m512 relu(__m512 x) { return _mm512_max_ps(x, _mm512_setzero_ps()); }

/* max(x, 0) less |x| times the normal distribution's tail beyond |x|: Abramowitz and Stegun, 7.1.26. */
static inline __m512 gelu(__m512 x) {
    __m512 distance = _mm512_abs_ps(x);
    __m512 t = _mm512_rcp14_ps(_mm512_fmadd_ps(distance, _mm512_set1_ps(0.23164190f), _mm512_set1_ps(1.0f)));
    __m512 y = _mm512_set1_ps(0.53070271f);
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-0.72657601f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(0.71070687f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-0.14224837f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(0.12741480f));
    y = _mm512_mul_ps(y, t);
    /* e^(-x^2 / 2) */
    __m512 bell = exp2_ps(_mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.72134752f)));
    return _mm512_fnmadd_ps(distance, _mm512_mul_ps(y, bell), relu(x));
}

#endif
