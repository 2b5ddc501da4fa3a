/* Attention of one head within one prompt, in float32.
 *
 * The keys are transposed, so that a vector holds as many keys, and a vector of values as many channels: scores and
 * results are products of a few rows by such vectors, with a softmax between them. A query's result depends on no other.
 */

#ifndef OPENCLAW_INSTRUCTOR_INT8_ATTENTION_H
#define OPENCLAW_INSTRUCTOR_INT8_ATTENTION_H

#include "rows.h"

/* Less than any score, and still a number. */
static const float LOWEST = -1e30f;

/* A head's queries, keys and values in rows `stride` floats apart, and scratch memory. */
typedef struct {
    const float *query, *key, *value;
    long stride, width;
    float *keys;   /* (width, keys rounded up) */
    float *values; /* (keys, width), in one piece: rows `stride` apart fall on few sets of the cache */
    float *scores; /* (FLOAT_ROWS, keys rounded up) */
} Head;

static inline long rounded_up(long number, long step) { return (number + step - 1) / step * step; }

/* Multiplies `rows` rows by `vectors` vectors of the columns of another matrix, over `inner` numbers. */
static inline __attribute__((always_inline)) void multiply_floats(const float *row, long row_stride, const float *column,
                                                                  long column_stride, long inner, long rows, long vectors,
                                                                  float *to, long to_stride) {
    Floats sums[FLOAT_ROWS][FLOAT_VECTORS];
    UNROLLED for (long r = 0; r < rows; r++)
        UNROLLED for (long v = 0; v < vectors; v++) sums[r][v] = all(0.0f);
    for (long i = 0; i < inner; i++) {
        Floats some[FLOAT_VECTORS];
        UNROLLED for (long v = 0; v < vectors; v++) some[v] = load(column + i * column_stride + v * FLOATS);
        UNROLLED for (long r = 0; r < rows; r++)
            UNROLLED for (long v = 0; v < vectors; v++)
                sums[r][v] = mul_add(all(row[r * row_stride + i]), some[v], sums[r][v]);
    }
    UNROLLED for (long r = 0; r < rows; r++)
        UNROLLED for (long v = 0; v < vectors; v++) store(to + r * to_stride + v * FLOATS, sums[r][v]);
}

/* The same for as many rows as are left of a block. */
static inline __attribute__((always_inline)) void multiply_left_rows(const float *row, long row_stride, const float *column,
                                                                     long column_stride, long inner, long rows,
                                                                     long vectors, float *to, long to_stride) {
    switch (rows) {
    case 1: multiply_floats(row, row_stride, column, column_stride, inner, 1, vectors, to, to_stride); break;
    case 2: multiply_floats(row, row_stride, column, column_stride, inner, 2, vectors, to, to_stride); break;
    case 3: multiply_floats(row, row_stride, column, column_stride, inner, 3, vectors, to, to_stride); break;
    case 4: multiply_floats(row, row_stride, column, column_stride, inner, 4, vectors, to, to_stride); break;
    case 5: multiply_floats(row, row_stride, column, column_stride, inner, 5, vectors, to, to_stride); break;
    default: multiply_floats(row, row_stride, column, column_stride, inner, FLOAT_ROWS, vectors, to, to_stride);
    }
}

/* Multiplies a block of rows by a matrix of `columns` columns. */
static void multiply_block(const float *row, long row_stride, const float *matrix, long stride, long inner, long rows,
                           long columns, float *to, long to_stride) {
    long at = 0;
    for (; at + FLOAT_VECTORS * FLOATS <= columns; at += FLOAT_VECTORS * FLOATS)
        multiply_left_rows(row, row_stride, matrix + at, stride, inner, rows, FLOAT_VECTORS, to + at, to_stride);
#if MOST_FLOAT_VECTORS > 2
    for (; at + 2 * FLOATS <= columns; at += 2 * FLOATS)
        multiply_left_rows(row, row_stride, matrix + at, stride, inner, rows, 2, to + at, to_stride);
#endif
    for (; at < columns; at += FLOATS)
        multiply_left_rows(row, row_stride, matrix + at, stride, inner, rows, 1, to + at, to_stride);
}

/* Transposes the keys of a prompt. The columns beyond it are other rows, whose scores are not used. */
static inline void transpose_keys(const Head *head, long padded) {
    for (long key = 0; key < padded; key += FLOATS)
        for (long channel = 0; channel < head->width; channel += FLOATS)
            transpose(head->key + key * head->stride + channel, head->stride, head->keys + channel * padded + key, padded);
}

static inline void copy_values(const Head *head, long length) {
    for (long key = 0; key < length; key++)
        for (long at = 0; at < head->width; at += FLOATS)
            store(head->values + key * head->width + at, load(head->value + key * head->stride + at));
}

/* Adds the bias, if there is one, to a row of scores, and makes them exponentials; returns their sum. The bias goes on
 * to where the scores end. */
static inline float softmax(float *scores, const float *bias, long length, long padded) {
    const Floats log2_e = all(1.44269504f);
    Floats most = all(LOWEST), sum = all(0.0f);
    if (bias)
        for (long key = 0; key < padded; key += FLOATS) store(scores + key, add(load(scores + key), load(bias + key)));
    for (long key = length; key < padded; key++) scores[key] = LOWEST;
    for (long key = 0; key < padded; key += FLOATS) most = greatest(most, load(scores + key));
    Floats base = all(greatest_of(most));
    for (long key = 0; key < padded; key += FLOATS) {
        Floats power = exp2_of(mul(sub(load(scores + key), base), log2_e));
        sum = add(sum, power);
        store(scores + key, power);
    }
    return sum_of(sum);
}

/* Writes the result of a prompt's queries, in rows `to_stride` floats apart. `bias` points at distance 0, or is 0. */
static void attend(const Head *head, long length, const float *bias, float *to, long to_stride) {
    long padded = rounded_up(length, FLOATS);
    transpose_keys(head, padded);
    copy_values(head, length);
    for (long query = 0; query < length; query += FLOAT_ROWS) {
        long count = length - query < FLOAT_ROWS ? length - query : FLOAT_ROWS;
        float *result = to + query * to_stride, scales[FLOAT_ROWS];
        multiply_block(head->query + query * head->stride, head->stride, head->keys, padded, head->width, count,
                            padded, head->scores, padded);
        for (long r = 0; r < count; r++)
            scales[r] = 1.0f / softmax(head->scores + r * padded, bias ? bias - query - r : 0, length, padded);
        multiply_block(head->scores, padded, head->values, head->width, length, count, head->width, result, to_stride);
        for (long r = 0; r < count; r++)
            for (long at = 0; at < head->width; at += FLOATS)
                store(result + r * to_stride + at, mul(load(result + r * to_stride + at), all(scales[r])));
    }
}

#endif
