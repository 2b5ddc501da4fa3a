/* A forward pass of a T5 encoder on AMX, for a packed row of prompts. `__init__.py` lays out the weights and calls it.
 *
 * A pass is a list of stages, and a stage a number of parts that any thread may take; a stage begins when the one before
 * it is complete:
 *
 *   embed_tokens       token rows become the states                        32 rows a part
 *   normalize_states   unit rows of the states                             32 rows      \
 *   attend_head        q, k and v of a head, and its attention             a head       |
 *   add_attention      output projection, added to the states              32 channels  |  for each layer
 *   normalize_states   again                                               32 rows      |
 *   feed_up            hidden channels of the feed-forward, activated      32 of them   |  for each chunk of them, so
 *   feed_down          their contribution, added to the states             32 channels  /  that they fit the cache
 *   pool_prompt        mean of a prompt's unit rows                        a prompt
 *   project            the vectors                                         16 outputs
 *   normalize_vectors  to unit length                                      all
 *
 * Weights are read in the order in which they lie in memory: of a layer for each head the panels of q, of k and of v; the
 * output projection; for each chunk up, then down.
 */

#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../shared/scratch.h"
#include "stages.h"
#include "../shared/thread_pool.h"

/* Up to so many rows all chunks of the feed-forward fit into the cache, and fewer stages are fewer waits. */
enum { FEW_ROWS = 4 * BLOCK };

/* What `amx_forward` returns. */
enum { DONE, NO_MEMORY, UNKNOWN_TOKEN, NO_ROWS };

static long chunk_groups(const Pass *pass) { return pass->model->inner / (pass->model->chunk * pass->chunks_at_once); }

static long most_stages(const Pass *pass) { return 1 + pass->model->layers * (4 + 2 * chunk_groups(pass)) + 3; }

static void append(Pass *pass, void (*run)(const Pass *, const Stage *, long), long parts, const bf16 *weights,
                   long chunk) {
    Stage *stage = &pass->stages[pass->stage_count++];
    stage->run = run;
    stage->parts = parts;
    stage->weights = weights;
    stage->chunk = chunk;
    atomic_init(&stage->taken, 0);
    atomic_init(&stage->complete, 0);
}

static void plan_layer(Pass *pass, const bf16 *weights) {
    const Model *model = pass->model;
    long attention = model->heads * model->head_width, row_blocks = rounded_up(pass->batch->rows, BLOCK) / BLOCK;
    const bf16 *out = weights + 3 * attention * model->width, *feed = out + attention * model->width;
    append(pass, normalize_states, row_blocks, 0, 0);
    append(pass, attend_head, model->heads, weights, 0);
    append(pass, add_attention, model->width / BLOCK, out, 0);
    append(pass, normalize_states, row_blocks, 0, 0);
    for (long group = 0; group < chunk_groups(pass); group++) {
        long chunk = group * pass->chunks_at_once;
        append(pass, feed_up, model->chunk * pass->chunks_at_once / BLOCK, feed, chunk);
        append(pass, feed_down, model->width / BLOCK, feed, chunk);
    }
}

static void plan(Pass *pass) {
    const Model *model = pass->model;
    long layer_size = (4 * model->heads * model->head_width + 2 * model->inner) * model->width;
    append(pass, embed_tokens, rounded_up(pass->batch->rows, BLOCK) / BLOCK, 0, 0);
    for (long layer = 0; layer < model->layers; layer++) plan_layer(pass, model->weights + layer * layer_size);
    if (!pass->batch->vectors) return;
    append(pass, pool_prompt, pass->batch->prompts, 0, 0);
    append(pass, project, model->dimension / FLOATS, 0, 0);
    if (model->normalizes) append(pass, normalize_vectors, 1, 0, 0);
}

static void run_stages(void *argument) {
    const Pass *pass = argument;
    if (!scratch_of(head_scratch(pass, 0).size)) return;
    TileConfig before;
    _tile_storeconfig(&before);
    _tile_loadconfig(&FULL_TILES);
    /* Sharp attention leaves probabilities too small for normal arithmetic. */
    FloatControl control = flush_denormals();
    for (Stage *stage = pass->stages; stage < pass->stages + pass->stage_count; stage++) {
        long part;
        while ((part = atomic_fetch_add_explicit(&stage->taken, 1, memory_order_relaxed)) < stage->parts) {
            stage->run(pass, stage, part);
            atomic_fetch_add_explicit(&stage->complete, 1, memory_order_release);
        }
        wait_for(&stage->complete, stage->parts);
    }
    restore(control);
    /* oneDNN remembers which configuration it has loaded. */
    if (before.palette)
        _tile_loadconfig(&before);
    else
        _tile_release();
}

/* -- what Python calls -- */

/* The digest of the sources that this was made of, by `build.py`. */
const char *amx_sources(void) { return SOURCES; }

/* Asks the system for permission to use AMX, once in a process; returns whether it gives it. */
int amx_open(void) {
    pthread_atfork(0, 0, reset_pool);
#ifdef EMULATED_AMX
    return 1;
#else
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#endif
}

static int check(const Model *model, const Batch *batch) {
    if (batch->rows < 1) return NO_ROWS;
    for (long i = 0; i < batch->pooled_count; i++)
        if (batch->pooled[i] < 0 || batch->pooled[i] >= batch->rows) return NO_ROWS;
    for (long row = 0; row < batch->rows; row++)
        if (batch->ids[row] < 0 || batch->ids[row] >= model->vocabulary) return UNKNOWN_TOKEN;
    return DONE;
}

/* Fills in the batch's vectors, its hidden states, or both. */
int amx_forward(const Model *model, const Batch *batch, long threads) {
    int problem = check(model, batch);
    if (problem) return problem;
    long rows = rounded_up(batch->rows, BLOCK);
    Pass pass = {.model = model, .batch = batch, .stride = model->width + FLOATS, .threads = threads};
    pass.chunks_at_once = rows <= FEW_ROWS ? model->inner / model->chunk : 1;
    size_t sizes[] = {head_scratch(&pass, 0).size,
                      bytes(rows * pass.stride, sizeof(float)),
                      bytes(rows * model->width, sizeof(bf16)),
                      bytes(rows * model->heads * model->head_width, sizeof(bf16)),
                      bytes(rows * model->chunk * pass.chunks_at_once, sizeof(bf16)),
                      bytes(batch->prompts * model->width, sizeof(float)),
                      bytes(most_stages(&pass), sizeof(Stage))};
    size_t starts[8];
    lay_out(sizes, 7, starts);
    char *scratch = scratch_of(starts[7]);
    if (!scratch) return NO_MEMORY;
    pass.states = (float *)(scratch + starts[1]);
    pass.normed = (bf16 *)(scratch + starts[2]);
    pass.mixed = (bf16 *)(scratch + starts[3]);
    pass.fed = (bf16 *)(scratch + starts[4]);
    pass.means = (float *)(scratch + starts[5]);
    pass.stages = (Stage *)(scratch + starts[6]);
    plan(&pass);
    Job job = {.work = run_stages, .argument = &pass, .wanted = threads - 1};
    run_job(&job);
    for (long row = 0; batch->hidden && row < batch->rows; row++)
        memcpy(batch->hidden + row * model->width, pass.states + row * pass.stride, bytes(model->width, sizeof(float)));
    return DONE;
}
