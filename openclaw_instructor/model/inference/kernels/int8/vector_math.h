/* Functions of vectors, with errors of a few millionths. */

#ifndef OPENCLAW_INSTRUCTOR_INT8_VECTOR_MATH_H
#define OPENCLAW_INSTRUCTOR_INT8_VECTOR_MATH_H

/* Loops over registers are unrolled, or the compiler keeps the registers in memory. */
#define UNROLLED _Pragma("GCC unroll 8")

/* 2^x for x <= 0, with a relative error of 2 ten-millionths: a polynomial of degree 5 for the fraction. */
static inline Floats exp2_of(Floats x) {
    Floats whole = rounded_down(x), fraction = sub(x, whole);
    Floats y = all(1.8775767e-3f);
    y = mul_add(y, fraction, all(8.9893397e-3f));
    y = mul_add(y, fraction, all(5.5826318e-2f));
    y = mul_add(y, fraction, all(2.4015361e-1f));
    y = mul_add(y, fraction, all(6.9315308e-1f));
    y = mul_add(y, fraction, all(9.9999994e-1f));
    return times_power_of_two(y, whole);
}

/* max(x, 0) less |x| times the normal distribution's tail beyond |x|: Abramowitz and Stegun, 7.1.26. */
static inline Floats gelu(Floats x) {
    Floats distance = magnitude(x);
    Floats t = reciprocal(mul_add(distance, all(0.23164190f), all(1.0f)));
    Floats y = all(0.53070271f);
    y = mul_add(y, t, all(-0.72657601f));
    y = mul_add(y, t, all(0.71070687f));
    y = mul_add(y, t, all(-0.14224837f));
    y = mul_add(y, t, all(0.12741480f));
    /* e^(-x^2 / 2) */
    Floats bell = exp2_of(mul(mul(x, x), all(-0.72134752f)));
    return sub(greatest(x, all(0.0f)), mul(mul(distance, mul(y, t)), bell));
}

/* x / (1 + e^(-2 u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), for either sign of u with powers of at most one. */
static inline Floats gelu_tanh(Floats x) {
    Floats distance = magnitude(x);
    Floats inner = mul(distance, mul_add(mul(x, x), all(0.044715f), all(1.0f)));
    Floats power = exp2_of(mul(inner, all(-2.3022082f)));
    Floats tail = mul(power, reciprocal(add(all(1.0f), power)));
    return sub(greatest(x, all(0.0f)), mul(distance, tail));
}

#endif
