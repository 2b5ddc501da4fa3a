/* What happens to one row between products: norms, quantisation, the mean of several. */

#ifndef OPENCLAW_INSTRUCTOR_INT8_ROWS_H
#define OPENCLAW_INSTRUCTOR_INT8_ROWS_H

#include <string.h>

#include "gemm.h"

/* The factor that scales a row to unit length; `floor` is the least square of a length. */
static inline float unit_scale(const float *row, long width, float floor) {
    Floats squares = all(0.0f);
    for (long at = 0; at < width; at += FLOATS) squares = mul_add(load(row + at), load(row + at), squares);
    return 1.0f / root(sum_of(squares) + floor);
}

/* Shifts and scales a row to mean zero and variance one, then by a weight and a bias. */
static inline void layer_norm(float *row, long width, Norm norm, float epsilon) {
    Floats sum = all(0.0f), squares = all(0.0f);
    for (long at = 0; at < width; at += FLOATS) sum = add(load(row + at), sum);
    Floats mean = all(sum_of(sum) / (float)width);
    for (long at = 0; at < width; at += FLOATS) {
        Floats apart = sub(load(row + at), mean);
        squares = mul_add(apart, apart, squares);
    }
    Floats scale = all(1.0f / root(sum_of(squares) / (float)width + epsilon));
    for (long at = 0; at < width; at += FLOATS) {
        Floats unit = mul(sub(load(row + at), mean), scale);
        store(row + at, mul_add(unit, load(norm.weight + at), load(norm.bias + at)));
    }
}

/* Quantises a row in `STEPS` equal steps from its least number to its greatest. */
static inline RowScale quantize(const float *row, long width, uint8_t *to) {
    Floats low = load(row), high = low;
    for (long at = FLOATS; at < width; at += FLOATS) {
        Floats some = load(row + at);
        low = least(low, some);
        high = greatest(high, some);
    }
    float bottom = least_of(low), range = greatest_of(high) - bottom;
    if (!(range > 1e-30f)) range = 1e-30f;
    Floats steps = all((float)STEPS / range), first = all(bottom);
    for (long at = 0; at < width; at += FLOATS) store_bytes(to + at, mul(sub(load(row + at), first), steps));
    float step = range / (float)STEPS;
    return (RowScale){step, bottom + (float)SHIFT * step};
}

/* Quantises `count` rows, with the norm before a branch if the network has it there. */
static inline void quantize_rows(const float *rows, long count, long width, const Model *normed, Rows to, long from) {
    for (long row = 0; row < count; row++) {
        const float *source = rows + row * width;
        RowScale scale = quantize(source, width, to.bytes + (from + row) * width);
        if (normed && normed->norm == ROOT_MEAN_SQUARE) {
            float factor = unit_scale(source, width, (float)width * normed->epsilon);
            scale.scale *= factor;
            scale.low *= factor;
        }
        to.scales[from + row] = scale;
    }
}

/* Applies the norm after a branch to `count` rows, if the network has it there. */
static inline void normalize_after(float *rows, long count, const Model *model, Norm norm) {
    if (model->norm == LAYER_NORM)
        for (long row = 0; row < count; row++) layer_norm(rows + row * model->width, model->width, norm, model->epsilon);
}

/* The states of a token: its row of the table, with that of its position and the norm, if the network has them. */
static inline void embed_token(const Model *model, int64_t token, long position, float *to) {
    const uint16_t *row = model->table + token * model->width;
    for (long at = 0; at < model->width; at += FLOATS) store(to + at, load_bfloat16(row + at));
    if (!model->position_table) return;
    const float *placed = model->position_table + (position + model->first_position) * model->width;
    for (long at = 0; at < model->width; at += FLOATS) store(to + at, add(load(to + at), load(placed + at)));
    layer_norm(to, model->width, model->embedding, model->epsilon);
}

/* The mean of the rows at `count` positions, each at unit length if the last norm is still to come; zeros for none. */
static inline void mean_of_rows(const Model *model, const float *states, const int64_t *positions, long count, float *to) {
    long width = model->width;
    memset(to, 0, (size_t)width * sizeof *to);
    for (long i = 0; i < count; i++) {
        const float *row = states + positions[i] * width;
        float factor = 1.0f;
        if (model->norm == ROOT_MEAN_SQUARE) factor = unit_scale(row, width, (float)width * model->epsilon);
        Floats scale = all(factor / (float)count);
        for (long at = 0; at < width; at += FLOATS) store(to + at, mul_add(load(row + at), scale, load(to + at)));
    }
}

/* Multiplies a row by the projection (width, dimension), or copies it, and scales it to unit length if asked. */
static inline void project(const Model *model, const float *mean, float *to) {
    long dimension = model->dimension;
    if (!model->dense) memcpy(to, mean, (size_t)dimension * sizeof *to);
    for (long at = 0; model->dense && at < dimension; at += FLOATS) {
        Floats sum = all(0.0f);
        for (long input = 0; input < model->width; input++)
            sum = mul_add(all(mean[input]), load(model->dense + input * dimension + at), sum);
        store(to + at, sum);
    }
    if (!model->normalizes) return;
    Floats scale = all(unit_scale(to, dimension, 1e-24f));
    for (long at = 0; at < dimension; at += FLOATS) store(to + at, mul(load(to + at), scale));
}

#endif
