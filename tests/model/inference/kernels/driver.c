/* Runs passes of random weights through the kernels, for sanitizers. Exits with 1 when results are not finite or depend on
 * the number of threads or on neighbours. */

#define SOURCES "driver"
#include "forward.c"

#include <stdio.h>

enum { VOCABULARY = 50, WIDTH = 64, HEADS = 3, HEAD_WIDTH = 32, INNER = 192, CHUNK_WIDTH = 64, LAYERS = 2, DIMENSION = 48 };

static uint32_t state = 1;

static float random_float(float scale) {
    state = state * 1664525u + 1013904223u;
    return scale * ((float)(state >> 8) / (float)(1 << 23) - 1.0f);
}

static bf16 *random_bf16(long count, float scale) {
    bf16 *numbers = malloc((size_t)count * sizeof *numbers);
    for (long i = 0; i < count; i++) {
        float x = random_float(scale);
        uint32_t bits;
        memcpy(&bits, &x, 4);
        numbers[i] = (bf16)(bits >> 16);
    }
    return numbers;
}

static float *random_floats(long count, float scale) {
    float *numbers = malloc((size_t)count * sizeof *numbers);
    for (long i = 0; i < count; i++) numbers[i] = random_float(scale);
    return numbers;
}

/* Embeds prompts of these lengths in groups of one; returns vectors (count, DIMENSION). */
static float *embed(const Model *model, const float *bias, long max_distance, const int64_t *ids, const long *lengths,
                    long count, long threads) {
    Group groups[16];
    int64_t *pooled = malloc(4096 * sizeof *pooled), starts[16];
    long rows = 0;
    for (long i = 0; i < count; i++) {
        groups[i] = (Group){rows, 1, lengths[i]};
        starts[i] = rows;
        for (long k = 0; k < lengths[i]; k++) pooled[rows + k] = rows + k;
        rows += lengths[i];
    }
    float *vectors = malloc((size_t)(count * DIMENSION) * sizeof *vectors);
    float *hidden = malloc((size_t)(rows * WIDTH) * sizeof *hidden);
    Batch batch = {ids, rows, groups, count, bias, max_distance, pooled, starts, rows, count, vectors, hidden};
    int failure = amx_forward(model, &batch, threads);
    free(pooled);
    free(hidden);
    if (failure) exit(2);
    return vectors;
}

int main(void) {
    long lengths[] = {1, 2, 15, 16, 17, 31, 32, 33, 70}, count = 9, rows = 0, offset = 0, max_distance = 70;
    for (long i = 0; i < count; i++) rows += lengths[i];
    int64_t *ids = malloc((size_t)rows * sizeof *ids);
    for (long i = 0; i < rows; i++) ids[i] = (int64_t)(i * 7 % VOCABULARY);
    long layer = (4 * HEADS * HEAD_WIDTH + 2 * INNER) * WIDTH;
    bf16 *table = random_bf16(VOCABULARY * WIDTH, 1), *weights = random_bf16(LAYERS * layer, 0.5f);
    float *dense = random_floats(DIMENSION * WIDTH, 1), *bias = random_floats(HEADS * (2 * max_distance + 1), 1);
    int failed = 0;
    amx_open();
    for (long gelu = 0; gelu < 2; gelu++) {
        Model model = {VOCABULARY, WIDTH, HEADS, HEAD_WIDTH, INNER, CHUNK_WIDTH, LAYERS, DIMENSION, gelu, 1, 1e-3f,
                       table, weights, dense};
        float *alone = embed(&model, bias, max_distance, ids, lengths, count, 1);
        float *together = embed(&model, bias, max_distance, ids, lengths, count, 3);
        offset = 0;
        for (long i = 0; i < count; i++) {
            float *single = embed(&model, bias, max_distance, ids + offset, lengths + i, 1, 2);
            offset += lengths[i];
            for (long k = 0; k < DIMENSION; k++) {
                float x = alone[i * DIMENSION + k];
                failed |= !(x > -2 && x < 2) || x != together[i * DIMENSION + k] || x != single[k];
            }
            free(single);
        }
        free(alone);
        free(together);
    }
    free(table);
    free(weights);
    free(dense);
    free(bias);
    free(ids);
    puts(failed ? "results differ" : "ok");
    return failed;
}
