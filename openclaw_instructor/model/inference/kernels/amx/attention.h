/* Attention of one head within one prompt: T5's, with a bias by distance and no scaling.
 *
 * The keys are laid out as a weight (outputs are keys, inputs channels), the values as another (outputs are channels,
 * inputs keys); for every 32 queries there are two products and a softmax between them. Scores and sums are float32,
 * factors bfloat16.
 */

#ifndef OPENCLAW_INSTRUCTOR_ATTENTION_H
#define OPENCLAW_INSTRUCTOR_ATTENTION_H

#include "vector_math.h"
#include "gemm.h"

/* A head's queries, keys and values, and scratch memory. Rows of q, k and v lie side by side, `stride` numbers apart. */
typedef struct {
    bf16 *qkv;
    long stride, width; /* of the head */
    bf16 *keys, *values, *probabilities;
    float *scores, *sums;
} Head;

/* Where a prompt's result goes: from the head's first step on, in activations `across` steps wide, from row `start`. */
typedef struct {
    bf16 *at;
    long across, start;
} Output;

/* Less than any score, and still a number. */
static const float LOWEST = -1e30f;

/* Transposes 16 keys' 32 channels into a tile of a weight: rows of pairs of channels. */
static inline void pack_key_tile(const bf16 *from, long stride, bf16 *to) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_si512(from + i * stride);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        __m512i even[2], odd[2];
        for (int half = 0; half < 2; half++) {
            even[half] = _mm512_shuffle_i32x4(a[8 * half + i], a[8 * half + i + 4], 0x88);
            odd[half] = _mm512_shuffle_i32x4(a[8 * half + i], a[8 * half + i + 4], 0xdd);
        }
        _mm512_storeu_si512(to + i * STEP, _mm512_shuffle_i32x4(even[0], even[1], 0x88));
        _mm512_storeu_si512(to + (i + 4) * STEP, _mm512_shuffle_i32x4(odd[0], odd[1], 0x88));
        _mm512_storeu_si512(to + (i + 8) * STEP, _mm512_shuffle_i32x4(even[0], even[1], 0xdd));
        _mm512_storeu_si512(to + (i + 12) * STEP, _mm512_shuffle_i32x4(odd[0], odd[1], 0xdd));
    }
}

/* Lays out panels of 32 keys. Those beyond the prompt are its neighbours', and their scores are not read. */
static inline void pack_keys(const Head *head, long start, long keys) {
    const bf16 *from = head->qkv + start * head->stride + head->width;
    long steps = head->width / STEP;
    for (long key = 0; key < keys; key += TILE_ROWS)
        for (long step = 0; step < steps; step++) {
            bf16 *to = head->keys + (key / BLOCK * steps + step) * PAIR + key % BLOCK / TILE_ROWS * TILE;
            pack_key_tile(from + key * head->stride + step * STEP, head->stride, to);
        }
}

/* Lays out panels of 32 channels: pairs of keys side by side, zeros beyond the prompt. */
static inline void pack_values(const Head *head, long start, long length, long keys) {
    static const uint16_t INTERLEAVE[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                              8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const bf16 *from = head->qkv + start * head->stride + 2 * head->width;
    __m512i low = _mm512_loadu_si512(INTERLEAVE), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (long key = 0; key < keys; key += 2)
        for (long channel = 0; channel < head->width; channel += STEP) {
            const bf16 *at = from + key * head->stride + channel;
            __m512i one = key < length ? _mm512_loadu_si512(at) : _mm512_setzero_si512();
            __m512i two = key + 1 < length ? _mm512_loadu_si512(at + head->stride) : _mm512_setzero_si512();
            bf16 *to = head->values + (channel / STEP * (keys / STEP) + key / STEP) * PAIR + key % STEP / 2 * STEP;
            _mm512_storeu_si512(to, _mm512_permutex2var_epi16(one, low, two));
            _mm512_storeu_si512(to + TILE, _mm512_permutex2var_epi16(one, high, two));
        }
}

/* Adds the bias to a row of scores and writes their exponentials; returns the sum that they are to be divided by. */
static inline float softmax(float *scores, const float *bias, long length, bf16 *exponentials) {
    const __m512 log2_e = _mm512_set1_ps(1.44269504f);
    __m512 most = _mm512_set1_ps(LOWEST), sum = _mm512_setzero_ps();
    long key = 0;
    for (; key + 16 <= length; key += 16) {
        __m512 score = _mm512_add_ps(_mm512_loadu_ps(scores + key), _mm512_loadu_ps(bias + key));
        _mm512_storeu_ps(scores + key, score);
        most = _mm512_max_ps(most, score);
    }
    if (key < length) {
        __mmask16 own = (__mmask16)((1u << (length - key)) - 1);
        __m512 score = _mm512_loadu_ps(scores + key), more = _mm512_maskz_loadu_ps(own, bias + key);
        score = _mm512_mask_add_ps(_mm512_set1_ps(LOWEST), own, score, more);
        _mm512_storeu_ps(scores + key, score);
        most = _mm512_max_ps(most, score);
    }
    __m512 base = _mm512_mul_ps(_mm512_set1_ps(_mm512_reduce_max_ps(most)), log2_e);
    for (key = 0; key < length; key += STEP) {
        __m512 low = exp2_ps(_mm512_fmsub_ps(_mm512_loadu_ps(scores + key), log2_e, base));
        __m512 high = _mm512_setzero_ps();
        if (key + 16 < length) high = exp2_ps(_mm512_fmsub_ps(_mm512_loadu_ps(scores + key + 16), log2_e, base));
        sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
        _mm512_storeu_si512(exponentials + key / STEP * PAIR, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    return _mm512_reduce_add_ps(sum);
}

/* Computes attention within one prompt. `bias` points at distance 0, key minus query, of all distances. */
static void attend(const Head *head, long start, long length, const float *bias, Output to) {
    long keys = rounded_up(length, BLOCK), steps = head->width / STEP, row = head->stride * (long)sizeof(bf16);
    long scores_stride = keys + 16;
    Prefetch nothing = NO_PREFETCH;
    pack_keys(head, start, keys);
    pack_values(head, start, length, keys);
    for (long query = 0; query < length; query += BLOCK) {
        long count = length - query < BLOCK ? length - query : BLOCK;
        LeftTiles queries = {(const char *)(head->qkv + (start + query) * head->stride), row, row * TILE_ROWS, LINE};
        for (long key = 0; key < keys; key += BLOCK)
            gemm_block(count, queries, head->keys + key / BLOCK * steps * PAIR, steps, head->scores + key, scores_stride, 0,
                       &nothing);
        float sums[BLOCK];
        for (long r = 0; r < count; r++)
            sums[r] = softmax(head->scores + r * scores_stride, bias - query - r, length, head->probabilities + r * STEP);
        for (long step = 0; step < steps; step++) {
            gemm_block(count, activation_tiles(head->probabilities, keys / STEP, 0, 0),
                       head->values + step * (keys / STEP) * PAIR, keys / STEP, head->sums, BLOCK, 0, &nothing);
            for (long r = 0; r < count; r++) {
                bf16 *at = row_of(to.at, to.across, to.start + query + r, step);
                _mm512_storeu_si512(at, to_bf16(head->sums + r * BLOCK, _mm512_set1_ps(1.0f / sums[r])));
            }
        }
    }
}

#endif
