/* Products of bfloat16 matrices on AMX's tiles.
 *
 * A tile is 16 rows of 64 bytes. Of the left factor and of states it holds 16 rows of 32 numbers; of a weight 32 input
 * channels of 16 outputs, two neighbouring inputs side by side (Intel's manual calls that VNNI). Memory holds what a
 * tile is loaded from in one piece of 1 KB:
 *
 *   activations (rows, width)  for every 32 rows, for every 32 channels (a step): the tiles of rows 0-15 and 16-31
 *   weight (out, in)           for every 32 outputs (a panel), for every step of 32 inputs: outputs 0-15 and 16-31
 */

#ifndef OPENCLAW_INSTRUCTOR_PRODUCT_H
#define OPENCLAW_INSTRUCTOR_PRODUCT_H

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
    /* Most steps of a weight, 32 KB, that stay in the first cache while all rows pass by. */
    STEPS_KEPT = 16,
    AHEAD = 4, /* steps for which a weight is fetched before them, where it is not fetched with the last panel */
};

static inline long rounded_up(long number, long step) { return (number + step - 1) / step * step; }

/* What all tiles look like here; every thread that multiplies loads it. */
typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileShapes;

static const TileShapes WHOLE_TILES = {
    .palette = 1,
    .row_bytes = {LINE, LINE, LINE, LINE, LINE, LINE, LINE, LINE},
    .rows = {TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS},
};

/* The left factor of a block: tiles whose rows lie `row` bytes apart, the second `second` bytes behind the first, and
 * those of the next step `step` bytes on. */
typedef struct {
    const char *at;
    long row, second, step;
} Left;

/* Weights that are fetched into the second cache before they are needed: in each step some lines, and after
 * `until_next` steps (never, if it is negative) those at `next`. */
typedef struct {
    const char *at;
    long lines, until_next;
    const char *next;
} Fetch;

static const Fetch NOTHING_AHEAD = {.until_next = -1};

static inline void fetch(Fetch *ahead) {
    if (ahead->until_next-- == 0) ahead->at = ahead->next;
    for (long line = 0; line < ahead->lines; line++) _mm_prefetch(ahead->at + line * LINE, _MM_HINT_T1);
    ahead->at += ahead->lines * LINE;
}

static inline Left activations(const bf16 *tiles, long across, long row, long step) {
    return (Left){(const char *)(tiles + (row / BLOCK * across + step) * PAIR), LINE, TILE * 2, PAIR * 2};
}

/* Where 32 numbers of a row lie: those of step `step` of `across`. */
static inline bf16 *row_of(bf16 *tiles, long across, long row, long step) {
    return tiles + (row / BLOCK * across + step) * PAIR + row % BLOCK * STEP;
}

/* 32 floats as bfloat16, times `scale`. */
static inline __m512i rounded(const float *from, __m512 scale) {
    __m512 low = _mm512_mul_ps(_mm512_loadu_ps(from), scale), high = _mm512_mul_ps(_mm512_loadu_ps(from + 16), scale);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Activations pass by the first cache, where the weight is to stay. */
static inline void multiply_block(Left left, const bf16 *weight, long steps, Fetch *ahead) {
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
        fetch(ahead);
    }
}

static inline void multiply_half(Left left, const bf16 *weight, long steps, Fetch *ahead) {
    for (long step = 0; step < steps; step++) {
        _tile_loadd(6, weight + step * PAIR, LINE);
        _tile_loadd(4, left.at + step * left.step, left.row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weight + step * PAIR + TILE, LINE);
        _tile_dpbf16ps(1, 4, 7);
        fetch(ahead);
    }
}

/* `to` (rows `stride` floats apart, a whole block in memory) becomes the product, or grows by it; `rows` may be more
 * than a block's. */
static inline void block(long rows, Left left, const bf16 *weight, long steps, float *to, long stride, int grows,
                         Fetch *ahead) {
    float *second = to + TILE_ROWS * stride;
    int whole = rows > TILE_ROWS;
    long bytes = stride * (long)sizeof(float);
    /* The compiler does not know what tiles are loaded from. */
    __asm__ volatile("" ::: "memory");
    if (grows) {
        _tile_loadd(0, to, bytes);
        _tile_loadd(1, to + 16, bytes);
        if (whole) {
            _tile_loadd(2, second, bytes);
            _tile_loadd(3, second + 16, bytes);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    if (whole)
        multiply_block(left, weight, steps, ahead);
    else
        multiply_half(left, weight, steps, ahead);
    _tile_stored(0, to, bytes);
    _tile_stored(1, to + 16, bytes);
    if (whole) {
        _tile_stored(2, second, bytes);
        _tile_stored(3, second + 16, bytes);
    }
    __asm__ volatile("" ::: "memory");
}

/* A product of all rows of activations with one panel of a weight. */
typedef struct {
    const bf16 *left;
    long rows, steps;
    const bf16 *panel;
    long following; /* which panel behind this one the thread will likely take next; a wrong guess costs only time */
} Product;

/* What is done with a block's sums once they are complete: `count` rows from `row` on. */
typedef void Finish(const float *sums, long row, long count, void *to);

static inline __attribute__((always_inline)) void multiply(const Product *p, float *sums, long stride, int grows,
                                                           Finish *finish, void *to) {
    long blocks = rounded_up(p->rows, BLOCK) / BLOCK, turns = blocks == 1 ? 1 : (p->steps + STEPS_KEPT - 1) / STEPS_KEPT;
    long kept = (p->steps + turns - 1) / turns;
    long lines = PAIR * (long)sizeof(bf16) / LINE;
    const char *next = (const char *)(p->panel + p->following * p->steps * PAIR);
    /* A lone block meets each weight for the first time, so it fetches a little ahead of itself. Several fetch the next
     * panel while they share this one. */
    Fetch ahead = {next, rounded_up(lines, blocks) / blocks, -1, 0};
    if (blocks == 1) ahead = (Fetch){(const char *)(p->panel + AHEAD * PAIR), lines, p->steps - AHEAD, next};
    for (long step = 0; step < p->steps; step += kept) {
        long steps = p->steps - step < kept ? p->steps - step : kept;
        for (long row = 0; row < p->rows; row += BLOCK) {
            long remaining = p->rows - row;
            block(remaining, activations(p->left, p->steps, row, step), p->panel + step * PAIR, steps, sums + row * stride,
                  stride, grows || step > 0, &ahead);
            if (finish && step + steps == p->steps)
                finish(sums + row * stride, row, remaining > TILE_ROWS ? BLOCK : TILE_ROWS, to);
        }
    }
}

/* States (rows `stride` floats apart) grow by the product: 32 of their channels. */
static inline void multiply_onto(Product product, float *states, long stride) {
    multiply(&product, states, stride, 1, 0, 0);
}

/* Rounded rows, `stride` numbers apart. */
typedef struct {
    bf16 *at;
    long stride;
} Rows;

static inline void finish_rows(const float *sums, long row, long count, void *to) {
    Rows *rows = to;
    for (long r = 0; r < count; r++)
        _mm512_storeu_si512(rows->at + (row + r) * rows->stride, rounded(sums + r * BLOCK, _mm512_set1_ps(1.0f)));
}

static inline void multiply_into_rows(Product product, float *sums, Rows to) {
    multiply(&product, sums, BLOCK, 0, finish_rows, &to);
}

/* One step of activations that are `across` steps wide. */
typedef struct {
    bf16 *at;
    long across;
} Fed;

static inline __attribute__((always_inline)) void finish_fed(const float *sums, long row, long count, const Fed *fed,
                                                             __m512 (*activation)(__m512)) {
    for (long r = 0; r < count; r++) {
        const float *from = sums + r * BLOCK;
        __m512 low = activation(_mm512_loadu_ps(from)), high = activation(_mm512_loadu_ps(from + 16));
        _mm512_storeu_si512(row_of(fed->at, fed->across, row + r, 0), (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

static inline void finish_relu(const float *sums, long row, long count, void *to) {
    finish_fed(sums, row, count, to, relu);
}

static inline void finish_gelu(const float *sums, long row, long count, void *to) {
    finish_fed(sums, row, count, to, gelu);
}

static inline void multiply_into_fed(Product product, float *sums, Fed to, int has_gelu) {
    if (has_gelu)
        multiply(&product, sums, BLOCK, 0, finish_gelu, &to);
    else
        multiply(&product, sums, BLOCK, 0, finish_relu, &to);
}

#endif
