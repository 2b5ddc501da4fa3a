/* Which kernels this processor runs, asked when the program runs. */

#ifndef OPENCLAW_INSTRUCTOR_INT8_DISPATCH_H
#define OPENCLAW_INSTRUCTOR_INT8_DISPATCH_H

#include <string.h>

#include "model.h"

#if defined __x86_64__

#include <cpuid.h>

extern const Kernels avx512_kernels, avx_vnni_kernels, avx2_kernels;

static int has_avx_vnni(void) {
#ifdef EMULATED_AVX_VNNI
    return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#endif
    unsigned a = 0, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}

static const Kernels *kernels_named(const char *name) {
    __builtin_cpu_init();
    int fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int wide = fma && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    if (wide && !strcmp(name, "avx512")) return &avx512_kernels;
    if (fma && has_avx_vnni() && !strcmp(name, "avx_vnni")) return &avx_vnni_kernels;
    if (fma && !strcmp(name, "avx2")) return &avx2_kernels;
    return 0;
}

static int has_amx(void) {
    unsigned a, b, c, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 22 & 1;
}

#elif defined __aarch64__

#ifdef __APPLE__
#include <sys/sysctl.h>
#else
#include <sys/auxv.h>
#endif

extern const Kernels neon_kernels;

static int has_dot_products(void) {
#ifdef __APPLE__
    int has = 0;
    size_t size = sizeof has;
    return !sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, 0, 0) && has;
#else
    return getauxval(AT_HWCAP) >> 20 & 1; /* HWCAP_ASIMDDP */
#endif
}

static const Kernels *kernels_named(const char *name) {
    return has_dot_products() && !strcmp(name, "neon") ? &neon_kernels : 0;
}

static int has_amx(void) { return 0; }

#endif

#endif
