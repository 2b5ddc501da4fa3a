/* The data of a pass, and what one part of each of its stages does. */

#ifndef OPENCLAW_INSTRUCTOR_STAGES_H
#define OPENCLAW_INSTRUCTOR_STAGES_H

#include <stdatomic.h>
#include <string.h>

#include "attention.h"
#include "gemm.h"
#include "pooling.h"
#include "../shared/scratch.h"

typedef struct {
    long vocabulary, width, heads, head_width, inner, chunk, layers, dimension, has_gelu, normalizes;
    float floor;         /* root of width x epsilon */
    const bf16 *table;   /* (vocabulary, width) */
    const bf16 *weights; /* of all layers */
    const float *dense;  /* (dimension, width) */
} Model;

typedef struct {
    long start, prompts, length;
} Group;

typedef struct {
    const int64_t *ids;
    long rows;
    const Group *groups;
    long group_count;
    const float *bias; /* for each head 2 x max_distance + 1 floats: the distances from -max_distance on */
    long max_distance;
    const int64_t *pooled, *starts; /* positions that enter the means, and where in them each prompt begins */
    long pooled_count, prompts;
    float *vectors; /* (prompts, dimension), or 0 to compute only the states */
    float *hidden;  /* (rows, width), or 0 */
} Batch;

typedef struct Pass Pass;
typedef struct Stage Stage;

/* A step of the pass, divided into parts that any thread may take. */
struct Stage {
    void (*run)(const Pass *pass, const Stage *stage, long part);
    long parts;
    const bf16 *weights; /* that the stage reads */
    long chunk;          /* of the feed-forward, the first one */
    atomic_long taken, complete;
};

struct Pass {
    const Model *model;
    const Batch *batch;
    float *states; /* whole blocks of rows, `stride` floats apart */
    long stride;
    bf16 *normed, *mixed, *fed; /* activations: unit rows, attention's output, the feed-forward's hidden channels */
    float *means;
    long threads, chunks_at_once;
    Stage *stages;
    long stage_count;
};

typedef struct {
    Head head;
    size_t size;
} HeadScratch;

static inline size_t bytes(long count, size_t each) { return (size_t)count * each; }

/* Lays out a head's buffers in memory from `at` on; with 0, only their size is of use. They come first in a thread's
 * scratch memory, so that `scratch_of(0)` finds them in the calling thread as in a helper. */
static HeadScratch head_scratch(const Pass *pass, char *at) {
    long rows = rounded_up(pass->batch->rows, BLOCK) + BLOCK, width = pass->model->head_width;
    /* A cache line more than q, k and v, so that rows do not fall on few sets of the cache. */
    long stride = 3 * width + LINE / (long)sizeof(bf16);
    size_t sizes[] = {bytes(rows * stride, sizeof(bf16)), bytes(rows * width, sizeof(bf16)),
                      bytes(rows * width, sizeof(bf16)),  bytes(rows * BLOCK, sizeof(bf16)),
                      bytes(rows * BLOCK, sizeof(float)), bytes(rows * BLOCK, sizeof(float))};
    size_t starts[7];
    lay_out(sizes, 6, starts);
    HeadScratch scratch = {{0}, starts[6]};
    if (at)
        scratch.head = (Head){(bf16 *)at,
                              stride,
                              width,
                              (bf16 *)(at + starts[1]),
                              (bf16 *)(at + starts[2]),
                              (bf16 *)(at + starts[3]),
                              (float *)(at + starts[4]),
                              (float *)(at + starts[5])};
    return scratch;
}

/* Part: 32 rows. Writes the tokens' rows of the table to the states, and zeros beyond the last token. */
static void embed_tokens(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    const Model *model = pass->model;
    for (long row = part * BLOCK; row < (part + 1) * BLOCK; row++) {
        float *state = pass->states + row * pass->stride;
        if (row < pass->batch->rows)
            read_token(model->table + pass->batch->ids[row] * model->width, model->width, state);
        else
            memset(state, 0, bytes(model->width, sizeof *state));
    }
}

/* Part: 32 rows. Writes the unit rows of the states. */
static void normalize_states(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    const Model *model = pass->model;
    long across = model->width / STEP;
    for (long row = part * BLOCK; row < (part + 1) * BLOCK; row++) {
        const float *state = pass->states + row * pass->stride;
        __m512 scale = _mm512_set1_ps(unit_scale(state, model->width, model->floor));
        for (long step = 0; step < across; step++)
            _mm512_storeu_si512(row_of(pass->normed, across, row, step), to_bf16(state + step * STEP, scale));
    }
}

/* Part: a head. Computes its queries, keys and values, and attention within every prompt. */
static void attend_head(const Pass *pass, const Stage *stage, long part) {
    const Model *model = pass->model;
    const Batch *batch = pass->batch;
    Head head = head_scratch(pass, scratch_of(0)).head;
    long steps = model->width / STEP, panels = 3 * model->head_width / BLOCK;
    for (long panel = 0; panel < panels; panel++) {
        const bf16 *weight = stage->weights + (part * panels + panel) * steps * PAIR;
        Gemm product = {pass->normed, batch->rows, steps, weight, 1};
        gemm_to_rows(product, head.sums, (Rows){head.qkv + panel * BLOCK, head.stride});
    }
    long head_steps = model->head_width / STEP, across = model->heads * head_steps;
    const float *bias = batch->bias + part * (2 * batch->max_distance + 1) + batch->max_distance;
    for (const Group *group = batch->groups; group < batch->groups + batch->group_count; group++)
        for (long prompt = 0; prompt < group->prompts; prompt++) {
            long start = group->start + prompt * group->length;
            attend(&head, start, group->length, bias, (Output){pass->mixed + part * head_steps * PAIR, across, start});
        }
}

/* Part: 32 channels of the states. Adds attention's output projection. */
static void add_attention(const Pass *pass, const Stage *stage, long part) {
    long steps = pass->model->heads * pass->model->head_width / STEP;
    Gemm product = {pass->mixed, pass->batch->rows, steps, stage->weights + part * steps * PAIR, pass->threads};
    gemm_add(product, pass->states + part * BLOCK, pass->stride);
}

/* Where the hidden channels of a chunk of the feed-forward lie: activations of their own. */
static bf16 *chunk_activations(const Pass *pass, long chunk) {
    return pass->fed + chunk % pass->chunks_at_once * rounded_up(pass->batch->rows, BLOCK) * pass->model->chunk;
}

/* The weights of a chunk: up, then down. */
static const bf16 *chunk_weights(const Pass *pass, const bf16 *feed, long chunk) {
    return feed + chunk * 2 * pass->model->chunk * pass->model->width;
}

/* Part: 32 hidden channels of the feed-forward, through the activation. */
static void feed_up(const Pass *pass, const Stage *stage, long part) {
    long steps = pass->model->width / STEP, panels = pass->model->chunk / BLOCK;
    long chunk = stage->chunk + part / panels, panel = part % panels;
    const bf16 *up = chunk_weights(pass, stage->weights, chunk);
    Gemm product = {pass->normed, pass->batch->rows, steps, up + panel * steps * PAIR, pass->threads};
    Head head = head_scratch(pass, scratch_of(0)).head;
    ActivationStep to = {chunk_activations(pass, chunk) + panel * PAIR, panels};
    gemm_to_activations(product, head.sums, to, pass->model->has_gelu != 0);
}

/* Part: 32 channels of the states. Adds the chunks' contributions. */
static void feed_down(const Pass *pass, const Stage *stage, long part) {
    long width = pass->model->width, steps = pass->model->chunk / STEP;
    long last = stage->chunk + pass->chunks_at_once - 1;
    for (long chunk = stage->chunk; chunk <= last; chunk++) {
        const bf16 *down = chunk_weights(pass, stage->weights, chunk) + pass->model->chunk * width;
        /* The same panel of the next chunk lies behind all of this one's, and all of its up. */
        long following = chunk < last ? 2 * width / BLOCK : pass->threads;
        Gemm product = {chunk_activations(pass, chunk), pass->batch->rows, steps, down + part * steps * PAIR, following};
        gemm_add(product, pass->states + part * BLOCK, pass->stride);
    }
}

/* Part: a prompt. Averages the unit rows of its pooled tokens. */
static void pool_prompt(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    const Model *model = pass->model;
    const Batch *batch = pass->batch;
    long from = batch->starts[part], until = part + 1 < batch->prompts ? batch->starts[part + 1] : batch->pooled_count;
    mean_of_units(pass->states, pass->stride, model->width, model->floor, batch->pooled + from, until - from,
                  pass->means + part * model->width);
}

/* Part: 16 outputs of the projection, for all prompts. */
static void project(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    const Model *model = pass->model;
    project_rows(pass->means, pass->batch->prompts, model->width, model->dense, part * FLOATS, (part + 1) * FLOATS,
                 pass->batch->vectors, model->dimension);
}

/* Part: all. Scales the vectors to unit length. */
static void normalize_vectors(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    (void)part;
    long dimension = pass->model->dimension;
    for (long prompt = 0; prompt < pass->batch->prompts; prompt++)
        normalize(pass->batch->vectors + prompt * dimension, dimension);
}

#endif
