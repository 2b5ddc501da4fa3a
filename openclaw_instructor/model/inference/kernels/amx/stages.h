/* What a pass holds, and the parts of its stages. */

#ifndef OPENCLAW_INSTRUCTOR_PARTS_H
#define OPENCLAW_INSTRUCTOR_PARTS_H

#include <stdatomic.h>
#include <string.h>

#include "attention.h"
#include "pooling.h"
#include "gemm.h"
#include "scratch.h"

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
    const float *bias; /* of each head, 2 x reach + 1 floats: by distance, from -reach on */
    long reach;
    const int64_t *pooled, *starts; /* positions that enter the means, and where in them each prompt begins */
    long pooled_count, prompts;
    float *vectors; /* (prompts, dimension), or 0 for the states alone */
    float *hidden;  /* (rows, width), or 0 */
} Batch;

typedef struct {
    atomic_long taken, complete;
} Stage;

typedef struct {
    const Model *model;
    const Batch *batch;
    float *states; /* whole blocks of rows, `stride` floats apart */
    long stride;
    bf16 *normed, *mixed, *fed; /* activations */
    float *means;
    long threads, chunks_at_once;
    Stage *stages;
} Pass;

typedef struct {
    Head head;
    size_t size;
} HeadRoom;

/* A head's parts in memory from `at` on; with 0, only their size. They come first in a thread's room, so that
 * `room_of(0)` finds them in the one that brought the pass as in a helper. */
static HeadRoom head_room(const Pass *pass, char *at) {
    long rows = rounded_up(pass->batch->rows, BLOCK) + BLOCK, each = pass->model->head_width;
    /* A line more than q, k and v, so that rows do not fall on few sets of the cache. */
    long stride = 3 * each + LINE / (long)sizeof(bf16);
    size_t sizes[] = {rows * stride * sizeof(bf16), rows * each * sizeof(bf16), rows * each * sizeof(bf16),
                      rows * BLOCK * sizeof(bf16),  rows * BLOCK * sizeof(float), rows * BLOCK * sizeof(float)};
    size_t starts[7];
    lay_out(sizes, 6, starts);
    return (HeadRoom){{(bf16 *)at, stride, each, (bf16 *)(at + starts[1]), (bf16 *)(at + starts[2]), (bf16 *)(at + starts[3]),
                       (float *)(at + starts[4]), (float *)(at + starts[5])},
                      starts[6]};
}

static void tokens_part(const Pass *pass, long part) {
    const Model *model = pass->model;
    for (long row = part * BLOCK; row < (part + 1) * BLOCK; row++) {
        float *state = pass->states + row * pass->stride;
        if (row < pass->batch->rows)
            read_token(model->table + pass->batch->ids[row] * model->width, model->width, state);
        else
            memset(state, 0, model->width * sizeof *state);
    }
}

static void normed_part(const Pass *pass, long part) {
    const Model *model = pass->model;
    long across = model->width / STEP;
    for (long row = part * BLOCK; row < (part + 1) * BLOCK; row++) {
        const float *state = pass->states + row * pass->stride;
        __m512 scale = _mm512_set1_ps(to_unit(state, model->width, model->floor));
        for (long step = 0; step < across; step++)
            _mm512_storeu_si512(row_of(pass->normed, across, row, step), rounded(state + step * STEP, scale));
    }
}

static void head_part(const Pass *pass, const bf16 *weights, long part) {
    const Model *model = pass->model;
    const Batch *batch = pass->batch;
    Head head = head_room(pass, room_of(0)).head;
    long steps = model->width / STEP, panels = 3 * model->head_width / BLOCK;
    for (long panel = 0; panel < panels; panel++) {
        const bf16 *weight = weights + (part * panels + panel) * steps * PAIR;
        Product product = {pass->normed, batch->rows, steps, weight, 1};
        multiply_into_rows(product, head.sums, (Rows){head.qkv + panel * BLOCK, head.stride});
    }
    long head_steps = model->head_width / STEP, across = model->heads * head_steps;
    const float *bias = batch->bias + part * (2 * batch->reach + 1) + batch->reach;
    for (const Group *group = batch->groups; group < batch->groups + batch->group_count; group++)
        for (long prompt = 0; prompt < group->prompts; prompt++) {
            long start = group->start + prompt * group->length;
            attend(&head, start, group->length, bias, (Mixed){pass->mixed + part * head_steps * PAIR, across, start});
        }
}

static void out_part(const Pass *pass, const bf16 *weight, long part) {
    long steps = pass->model->heads * pass->model->head_width / STEP;
    Product product = {pass->mixed, pass->batch->rows, steps, weight + part * steps * PAIR, pass->threads};
    multiply_onto(product, pass->states + part * BLOCK, pass->stride);
}

/* What up gives of a chunk of the feed-forward's channels: activations of their own. */
static bf16 *fed_of(const Pass *pass, long chunk) {
    return pass->fed + chunk % pass->chunks_at_once * rounded_up(pass->batch->rows, BLOCK) * pass->model->chunk;
}

/* A chunk's weights: up, then down. */
static const bf16 *chunk_of(const Pass *pass, const bf16 *feed, long chunk) {
    return feed + chunk * 2 * pass->model->chunk * pass->model->width;
}

static void up_part(const Pass *pass, const bf16 *feed, long first, long part) {
    long steps = pass->model->width / STEP, panels = pass->model->chunk / BLOCK;
    long chunk = first + part / panels, panel = part % panels;
    const bf16 *up = chunk_of(pass, feed, chunk);
    Product product = {pass->normed, pass->batch->rows, steps, up + panel * steps * PAIR, pass->threads};
    Head head = head_room(pass, room_of(0)).head;
    multiply_into_fed(product, head.sums, (Fed){fed_of(pass, chunk) + panel * PAIR, panels}, pass->model->has_gelu);
}

static void down_part(const Pass *pass, const bf16 *feed, long first, long part) {
    long width = pass->model->width, steps = pass->model->chunk / STEP, last = first + pass->chunks_at_once - 1;
    for (long chunk = first; chunk <= last; chunk++) {
        const bf16 *down = chunk_of(pass, feed, chunk) + pass->model->chunk * width;
        /* The same panel of the next chunk lies behind all of this one's, and all of its up. */
        long following = chunk < last ? 2 * width / BLOCK : pass->threads;
        Product product = {fed_of(pass, chunk), pass->batch->rows, steps, down + part * steps * PAIR, following};
        multiply_onto(product, pass->states + part * BLOCK, pass->stride);
    }
}

static void means_part(const Pass *pass, long part) {
    const Model *model = pass->model;
    const Batch *batch = pass->batch;
    long from = batch->starts[part], until = part + 1 < batch->prompts ? batch->starts[part + 1] : batch->pooled_count;
    mean_of_units(pass->states, pass->stride, model->width, model->floor, batch->pooled + from, until - from,
                  pass->means + part * model->width);
}

static void dense_part(const Pass *pass, long part) {
    const Model *model = pass->model;
    dense_product(pass->means, pass->batch->prompts, model->width, model->dense, part * FLOATS, (part + 1) * FLOATS,
                  pass->batch->vectors, model->dimension);
}

static void normal_part(const Pass *pass) {
    long dimension = pass->model->dimension;
    for (long prompt = 0; prompt < pass->batch->prompts; prompt++)
        normalize(pass->batch->vectors + prompt * dimension, dimension);
}

#endif
