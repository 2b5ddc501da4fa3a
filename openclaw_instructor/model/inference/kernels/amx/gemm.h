/* Products of bfloat16 matrices (GEMM) on AMX tiles.
 *
 * A tile is 16 rows of 64 bytes. Of activations it holds 16 rows of 32 numbers; of a weight 32 input channels of 16
 * outputs, two neighbouring inputs side by side (the VNNI layout of Intel's manual). What a tile is loaded from lies in
 * one piece of 1 KB:
 *
 *   activations (rows, width)  for every 32 rows, for every 32 channels (a step): the tiles of rows 0-15 and 16-31
 *   weight (out, in)           for every 32 outputs (a panel), for every step of 32 inputs: outputs 0-15 and 16-31
 */

#ifndef OPENCLAW_INSTRUCTOR_GEMM_H
#define OPENCLAW_INSTRUCTOR_GEMM_H

#include <immintrin.h>
#include <stdint.h>

#include "vector_math.h"

typedef uint16_t bf16;

enum {
    LINE = 64,               /* bytes of a cache line, and of a tile's row */
    TILE_ROWS = 16,          /* rows of a tile */
    STEP = 32,               /* numbers of bfloat16 in its row */
    TILE = TILE_ROWS * STEP, /* and in all of it */
    BLOCK = 32,              /* rows and columns of a block: two tiles each way */
    PAIR = 2 * TILE,         /* the two tiles of a step */
    /* Most steps of a weight, 32 KB, that stay in the first-level cache while all rows pass. */
    CACHED_STEPS = 16,
    PREFETCH_STEPS = 4, /* how far ahead a lone block prefetches its own weight */
};

static inline long rounded_up(long number, long step) { return (number + step - 1) / step * step; }

/* The tile configuration; every thread that multiplies loads it. */
typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileConfig;

static const TileConfig FULL_TILES = {
    .palette = 1,
    .row_bytes = {LINE, LINE, LINE, LINE, LINE, LINE, LINE, LINE},
    .rows = {TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS},
};

/* The left factor of a block: tiles whose rows lie `row` bytes apart, the second tile `second` bytes after the first, and
 * those of the next step `step` bytes after these. */
typedef struct {
    const char *at;
    long row, second, step;
} LeftTiles;

/* Weights that are prefetched into the second-level cache: `lines` in each step, from `at` on, and after `until_next`
 * steps (never, if it is negative) from `next` on. */
typedef struct {
    const char *at;
    long lines, until_next;
    const char *next;
} Prefetch;

static const Prefetch NO_PREFETCH = {.until_next = -1};

static inline void prefetch(Prefetch *ahead) {
    if (ahead->until_next-- == 0) ahead->at = ahead->next;
    for (long line = 0; line < ahead->lines; line++) _mm_prefetch(ahead->at + line * LINE, _MM_HINT_T1);
    ahead->at += ahead->lines * LINE;
}

static inline LeftTiles activation_tiles(const bf16 *tiles, long across, long row, long step) {
    return (LeftTiles){(const char *)(tiles + (row / BLOCK * across + step) * PAIR), LINE, TILE * 2, PAIR * 2};
}

/* The 32 numbers of step `step` of a row, in activations that are `across` steps wide. */
static inline bf16 *row_of(bf16 *tiles, long across, long row, long step) {
    return tiles + (row / BLOCK * across + step) * PAIR + row % BLOCK * STEP;
}

/* 32 floats times `scale`, as bfloat16. */
static inline __m512i to_bf16(const float *from, __m512 scale) {
    __m512 low = _mm512_mul_ps(_mm512_loadu_ps(from), scale), high = _mm512_mul_ps(_mm512_loadu_ps(from + 16), scale);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Activations bypass the first-level cache, where the weight is to stay. */
static inline void multiply_block(LeftTiles left, const bf16 *weight, long steps, Prefetch *ahead) {
    for (long step = 0; step < steps; step++) {
        const char *at = left.at + step * left.step;
        _tile_loadd(6, weight + step * PAIR, LINE);
        _tile_stream_loadd(4, at, left.row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weight + step * PAIR + TILE, LINE);
        _tile_dpbf16ps(1, 4, 7);
        _tile_stream_loadd(5, at + left.second, left.row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        prefetch(ahead);
    }
}

static inline void multiply_half(LeftTiles left, const bf16 *weight, long steps, Prefetch *ahead) {
    for (long step = 0; step < steps; step++) {
        _tile_loadd(6, weight + step * PAIR, LINE);
        _tile_loadd(4, left.at + step * left.step, left.row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weight + step * PAIR + TILE, LINE);
        _tile_dpbf16ps(1, 4, 7);
        prefetch(ahead);
    }
}

/* Writes the product of one block to `to` (rows `stride` floats apart, a whole block in memory), or adds it if
 * `accumulate`; `rows` may be more than a block's. */
static inline void gemm_block(long rows, LeftTiles left, const bf16 *weight, long steps, float *to, long stride,
                              int accumulate, Prefetch *ahead) {
    float *second = to + TILE_ROWS * stride;
    int both_tiles = rows > TILE_ROWS;
    long row_bytes = stride * (long)sizeof(float);
    /* The compiler does not know which memory tile instructions read. */
    __asm__ volatile("" ::: "memory");
    if (accumulate) {
        _tile_loadd(0, to, row_bytes);
        _tile_loadd(1, to + 16, row_bytes);
        if (both_tiles) {
            _tile_loadd(2, second, row_bytes);
            _tile_loadd(3, second + 16, row_bytes);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    if (both_tiles)
        multiply_block(left, weight, steps, ahead);
    else
        multiply_half(left, weight, steps, ahead);
    _tile_stored(0, to, row_bytes);
    _tile_stored(1, to + 16, row_bytes);
    if (both_tiles) {
        _tile_stored(2, second, row_bytes);
        _tile_stored(3, second + 16, row_bytes);
    }
    __asm__ volatile("" ::: "memory");
}

/* The product of all rows of activations with one panel of a weight. */
typedef struct {
    const bf16 *left;
    long rows, steps;
    const bf16 *panel;
    long following; /* panels from this one to the one that the thread will likely take next; a wrong guess costs time */
} Gemm;

/* The epilogue of a block, once its sums are complete: `count` rows from `row` on. */
typedef void Epilogue(const float *sums, long row, long count, void *to);

static inline __attribute__((always_inline)) void gemm(const Gemm *p, float *sums, long stride, int accumulate,
                                                       Epilogue *epilogue, void *to) {
    long blocks = rounded_up(p->rows, BLOCK) / BLOCK, rounds = blocks == 1 ? 1 : (p->steps + CACHED_STEPS - 1) / CACHED_STEPS;
    long cached = (p->steps + rounds - 1) / rounds;
    long lines = PAIR * (long)sizeof(bf16) / LINE;
    const char *next = (const char *)(p->panel + p->following * p->steps * PAIR);
    /* A lone block reads each weight for the first time, so it prefetches a little ahead of itself. Several blocks share
     * this panel and prefetch the next one. */
    Prefetch ahead = {next, rounded_up(lines, blocks) / blocks, -1, 0};
    if (blocks == 1) ahead = (Prefetch){(const char *)(p->panel + PREFETCH_STEPS * PAIR), lines, p->steps - PREFETCH_STEPS, next};
    for (long step = 0; step < p->steps; step += cached) {
        long steps = p->steps - step < cached ? p->steps - step : cached;
        for (long row = 0; row < p->rows; row += BLOCK) {
            long remaining = p->rows - row;
            gemm_block(remaining, activation_tiles(p->left, p->steps, row, step), p->panel + step * PAIR, steps,
                       sums + row * stride, stride, accumulate || step > 0, &ahead);
            if (epilogue && step + steps == p->steps)
                epilogue(sums + row * stride, row, remaining > TILE_ROWS ? BLOCK : TILE_ROWS, to);
        }
    }
}

/* Adds the product to 32 channels of the states (rows `stride` floats apart). */
static inline void gemm_add(Gemm product, float *states, long stride) {
    gemm(&product, states, stride, 1, 0, 0);
}

/* Rows of bfloat16, `stride` numbers apart. */
typedef struct {
    bf16 *at;
    long stride;
} Rows;

static inline void store_rows(const float *sums, long row, long count, void *to) {
    Rows *rows = to;
    for (long r = 0; r < count; r++)
        _mm512_storeu_si512(rows->at + (row + r) * rows->stride, to_bf16(sums + r * BLOCK, _mm512_set1_ps(1.0f)));
}

/* Writes the product as rows of bfloat16. */
static inline void gemm_to_rows(Gemm product, float *sums, Rows to) {
    gemm(&product, sums, BLOCK, 0, store_rows, &to);
}

/* One step of activations that are `across` steps wide. */
typedef struct {
    bf16 *at;
    long across;
} ActivationStep;

static inline __attribute__((always_inline)) void store_activated(const float *sums, long row, long count,
                                                                  const ActivationStep *step,
                                                                  __m512 (*activation)(__m512)) {
    for (long r = 0; r < count; r++) {
        const float *from = sums + r * BLOCK;
        __m512 low = activation(_mm512_loadu_ps(from)), high = activation(_mm512_loadu_ps(from + 16));
        _mm512_storeu_si512(row_of(step->at, step->across, row + r, 0), (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

static inline void store_relu(const float *sums, long row, long count, void *to) {
    store_activated(sums, row, count, to, relu);
}

static inline void store_gelu(const float *sums, long row, long count, void *to) {
    store_activated(sums, row, count, to, gelu);
}

/* Writes the product through a ReLU or a GELU as activations. */
static inline void gemm_to_activations(Gemm product, float *sums, ActivationStep to, int has_gelu) {
    if (has_gelu)
        gemm(&product, sums, BLOCK, 0, store_gelu, &to);
    else
        gemm(&product, sums, BLOCK, 0, store_relu, &to);
}

#endif
