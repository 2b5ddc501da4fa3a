/* What waiting and small numbers take on each kind of processor. */

#ifndef OPENCLAW_INSTRUCTOR_PROCESSOR_H
#define OPENCLAW_INSTRUCTOR_PROCESSOR_H

#include <stdint.h>

#if defined __x86_64__

#include <xmmintrin.h>

typedef unsigned FloatControl;

/* Tells the processor that a loop waits. */
static inline void relax(void) { _mm_pause(); }

/* Makes numbers too small for normal arithmetic zeros, in this thread; returns what was set before. */
static inline FloatControl flush_denormals(void) {
    FloatControl before = _mm_getcsr();
    _mm_setcsr(before | _MM_FLUSH_ZERO_MASK | 0x40 /* denormals are zeros */);
    return before;
}

static inline void restore(FloatControl control) { _mm_setcsr(control); }

#elif defined __aarch64__

typedef uint64_t FloatControl;

static inline void relax(void) { __asm__ volatile("isb"); } /* `yield` takes no time on most */

static inline void restore(FloatControl control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }

static inline FloatControl flush_denormals(void) {
    FloatControl before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    restore(before | (FloatControl)1 << 24);
    return before;
}

#endif

#endif
