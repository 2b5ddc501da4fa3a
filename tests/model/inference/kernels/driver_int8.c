/* Runs passes of random weights through the int8 kernels, for sanitizers. Exits with 1 when results are not finite or
 * depend on the number of threads or on neighbours. Its argument names the kernels; without them it prints "none". With a
 * second argument it prints the vectors. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

int int8_open(void);
int int8_layout(const char *name, long *panel, long *steps, long *most_of_pair);
int int8_forward(const char *name, const Model *model, const Batch *batch, long threads);

enum { VOCABULARY = 50, POSITIONS = 80, WIDTH = 64, HEADS = 4, HEAD_WIDTH = 16, INNER = 128, LAYERS = 2, DIMENSION = 48 };

static uint32_t state = 1;

static float random_float(float scale) {
    state = state * 1664525u + 1013904223u;
    return scale * ((float)(state >> 8) / (float)(1 << 23) - 1.0f);
}

static float *random_floats(long count, float scale) {
    float *numbers = malloc((size_t)count * sizeof *numbers);
    for (long i = 0; i < count; i++) numbers[i] = random_float(scale);
    return numbers;
}

/* As the kernels lay weights out: in panels of `panel` outputs four inputs of each side by side. */
static Linear random_linear(long outputs, long inputs, long panel) {
    int8_t *panels = malloc((size_t)(outputs * inputs));
    for (long i = 0; i < outputs * inputs; i++) panels[i] = (int8_t)random_float(63.9f);
    float *scales = random_floats(outputs, 0.01f), *sums = calloc((size_t)outputs, sizeof *sums);
    float *bias = random_floats(outputs, 0.1f);
    for (long i = 0; i < outputs * inputs; i++) sums[i / (inputs * panel) * panel + i / 4 % panel] += panels[i];
    for (long i = 0; i < outputs; i++) sums[i] *= scales[i];
    return (Linear){panels, scales, sums, bias, outputs, inputs};
}

static void free_linear(Linear linear) {
    free((void *)linear.panels);
    free((void *)linear.scales);
    free((void *)linear.sums);
    free((void *)linear.bias);
}

static float *embed(const char *name, const Model *model, const float *bias, long max_distance, const int64_t *ids,
                    const long *lengths, long count, long threads) {
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
    int failure = int8_forward(name, model, &batch, threads);
    free(pooled);
    free(hidden);
    if (failure) exit(2);
    return vectors;
}

static int prints;

static int check(const char *name, const Model *model, const float *bias, long max_distance, const int64_t *ids,
                 const long *lengths, long count) {
    float *alone = embed(name, model, bias, max_distance, ids, lengths, count, 1);
    float *together = embed(name, model, bias, max_distance, ids, lengths, count, 3);
    int failed = 0;
    for (long i = 0, offset = 0; i < count; offset += lengths[i++]) {
        float *single = embed(name, model, bias, max_distance, ids + offset, lengths + i, 1, 2);
        for (long k = 0; k < DIMENSION; k++) {
            float x = alone[i * DIMENSION + k];
            if (prints) printf("%.7g\n", (double)x);
            failed |= !(x > -2 && x < 2) || x != together[i * DIMENSION + k] || x != single[k];
        }
        free(single);
    }
    free(alone);
    free(together);
    return failed;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    prints = argc > 2;
    long panel, steps, pair, failed = 0;
    if (!int8_open() || !int8_layout(name, &panel, &steps, &pair)) return puts("none") < 0;
    long lengths[] = {1, 2, 6, 7, 15, 16, 17, 31, 49, 70}, count = 10, rows = 0, max_distance = 80;
    for (long i = 0; i < count; i++) rows += lengths[i];
    int64_t *ids = malloc((size_t)rows * sizeof *ids);
    for (long i = 0; i < rows; i++) ids[i] = i * 7 % VOCABULARY;
    uint16_t *table = malloc(VOCABULARY * WIDTH * sizeof *table);
    for (long i = 0; i < VOCABULARY * WIDTH; i++) table[i] = (uint16_t)(0x3f00 + i % 101 + (i % 7 > 3 ? 0x8000 : 0));
    float *positions = random_floats(POSITIONS * WIDTH, 1), *dense = random_floats(DIMENSION * WIDTH, 1);
    float *bias = random_floats(HEADS * (2 * max_distance + 1), 1), *channels = random_floats(2 * WIDTH, 1);
    Norm norm = {channels, channels + WIDTH};
    Layer layers[LAYERS];
    for (long i = 0; i < LAYERS; i++)
        layers[i] = (Layer){random_linear(3 * WIDTH, WIDTH, panel),
                            random_linear(WIDTH, WIDTH, panel),
                            random_linear(INNER, WIDTH, panel),
                            random_linear(WIDTH, INNER, panel),
                            norm,
                            norm};
    for (long activation = RELU; activation <= GELU_TANH; activation++)
        for (long kind = ROOT_MEAN_SQUARE; kind <= LAYER_NORM; kind++) {
            Model model = {VOCABULARY, POSITIONS, 2,     WIDTH, HEADS,                  HEAD_WIDTH, INNER,  LAYERS, DIMENSION,
                           activation, kind,      1,     1e-6f, table, kind ? positions : 0, norm,   layers, dense};
            failed |= check(name, &model, kind ? 0 : bias, max_distance, ids, lengths, count);
        }
    for (long i = 0; i < LAYERS; i++) {
        free_linear(layers[i].qkv);
        free_linear(layers[i].out);
        free_linear(layers[i].up);
        free_linear(layers[i].down);
    }
    free(ids);
    free(table);
    free(positions);
    free(dense);
    free(bias);
    free(channels);
    puts(failed ? "results differ" : "ok");
    return (int)failed;
}
