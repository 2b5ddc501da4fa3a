/* A forward pass of a T5 encoder on AMX's tiles, for a packed row of prompts; called from `__init__.py`, which makes the
 * weights.
 *
 * A pass is a list of stages, a stage a number of parts that any thread may take; a stage begins when the one before it
 * is complete:
 *
 *   tokens     their rows of the table become the states                32 rows a part
 *   normed     the states' unit rows                                    32 rows      \
 *   heads      their q, k and v of a head, and its attention            a head       |
 *   out        added to the states                                      32 channels  |  for each layer
 *   normed     again                                                    32 rows      |
 *   up         ReLU or GELU of some of the feed-forward's channels      32 of them   |  for each chunk of them, so that
 *   down       added to the states                                      32 channels  /  what is between fits the cache
 *   means      of a prompt's unit rows                                  a prompt
 *   dense      the vectors                                              16 outputs
 *   normal     of unit length                                           all
 *
 * Weights are read in the order in which they lie in memory: of a layer for each head the panels of q, of k and of v;
 * out; for each chunk up, then down.
 */

#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stages.h"
#include "scratch.h"
#include "thread_pool.h"

/* -- the stages -- */

enum { NORMED, HEADS, OUT, NORMED_AGAIN, FEED };

/* From FEED on up and down take turns, once for each chunk. */
static int is_up(long stage) { return (stage - FEED) % 2 == 0; }

static long stages_of_layer(const Pass *pass) {
    return FEED + 2 * (pass->model->inner / (pass->model->chunk * pass->chunks_at_once));
}

static long parts_of_layer(const Pass *pass, long stage) {
    const Model *model = pass->model;
    if (stage == HEADS) return model->heads;
    if (stage == NORMED || stage == NORMED_AGAIN) return rounded_up(pass->batch->rows, BLOCK) / BLOCK;
    if (stage == OUT) return model->width / BLOCK;
    return (is_up(stage) ? model->chunk * pass->chunks_at_once : model->width) / BLOCK;
}

static void do_part_of_layer(const Pass *pass, long layer, long stage, long part) {
    const Model *model = pass->model;
    long inside = model->heads * model->head_width;
    const bf16 *weights = model->weights + layer * (4 * inside + 2 * model->inner) * model->width;
    const bf16 *out = weights + 3 * inside * model->width, *feed = out + inside * model->width;
    if (stage == NORMED || stage == NORMED_AGAIN) {
        normed_part(pass, part);
    } else if (stage == HEADS) {
        head_part(pass, weights, part);
    } else if (stage == OUT) {
        out_part(pass, out, part);
    } else {
        long first = (stage - FEED) / 2 * pass->chunks_at_once;
        if (is_up(stage))
            up_part(pass, feed, first, part);
        else
            down_part(pass, feed, first, part);
    }
}

/* Of a pass, and of what is behind its layers, counted from there. */
enum { TOKENS, LAYERS };
enum { MEANS, DENSE, NORMAL, BEHIND };

static long stages_of(const Pass *pass) { return LAYERS + stages_of_layer(pass) * pass->model->layers + BEHIND; }

static long parts_of(const Pass *pass, long stage) {
    long each = stages_of_layer(pass), behind = stage - LAYERS - each * pass->model->layers;
    if (stage == TOKENS) return rounded_up(pass->batch->rows, BLOCK) / BLOCK;
    if (behind < 0) return parts_of_layer(pass, (stage - LAYERS) % each);
    if (!pass->batch->vectors) return 0;
    if (behind == MEANS) return pass->batch->prompts;
    return behind == DENSE ? pass->model->dimension / FLOATS : pass->model->normalizes;
}

static void do_part(const Pass *pass, long stage, long part) {
    long each = stages_of_layer(pass), behind = stage - LAYERS - each * pass->model->layers;
    if (stage == TOKENS)
        tokens_part(pass, part);
    else if (behind < 0)
        do_part_of_layer(pass, (stage - LAYERS) / each, (stage - LAYERS) % each, part);
    else if (behind == MEANS)
        means_part(pass, part);
    else if (behind == DENSE)
        dense_part(pass, part);
    else
        normal_part(pass);
}

static void work(void *of) {
    const Pass *pass = of;
    if (!room_of(head_room(pass, 0).size)) return;
    TileShapes before;
    _tile_storeconfig(&before);
    _tile_loadconfig(&WHOLE_TILES);
    /* Sharp attention leaves weights too small for normal arithmetic. */
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
    for (long at = 0; at < stages_of(pass); at++) {
        Stage *stage = &pass->stages[at];
        long parts = parts_of(pass, at), part;
        while ((part = atomic_fetch_add_explicit(&stage->taken, 1, memory_order_relaxed)) < parts) {
            do_part(pass, at, part);
            atomic_fetch_add_explicit(&stage->complete, 1, memory_order_release);
        }
        wait_for(&stage->complete, parts);
    }
    _mm_setcsr(control);
    /* oneDNN remembers what it has loaded. */
    if (before.palette)
        _tile_loadconfig(&before);
    else
        _tile_release();
}

/* -- what Python calls -- */

/* A digest of the sources this was made of, by `build.py`. */
const char *tiles_sources(void) { return SOURCES; }

/* Asks the system for the tiles, once in a process: whether it gives them. */
int tiles_open(void) {
    pthread_atfork(0, 0, without_helpers);
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

enum { FEW_ROWS = 4 * BLOCK };

enum { DONE, NO_MEMORY, UNKNOWN_TOKEN, NO_ROWS };

/* Fills in the batch's vectors, its hidden states, or both. */
int tiles_forward(const Model *model, const Batch *batch, long threads) {
    if (batch->rows < 1) return NO_ROWS;
    for (long i = 0; i < batch->pooled_count; i++)
        if (batch->pooled[i] < 0 || batch->pooled[i] >= batch->rows) return NO_ROWS;
    for (long row = 0; row < batch->rows; row++)
        if (batch->ids[row] < 0 || batch->ids[row] >= model->vocabulary) return UNKNOWN_TOKEN;
    long rows = rounded_up(batch->rows, BLOCK);
    Pass pass = {.model = model, .batch = batch, .stride = model->width + FLOATS, .threads = threads};
    /* Of few rows all chunks fit into the cache, and fewer stages are fewer times to wait for one another. */
    pass.chunks_at_once = rows <= FEW_ROWS ? model->inner / model->chunk : 1;
    size_t sizes[] = {head_room(&pass, 0).size,
                      rows * pass.stride * sizeof(float),
                      rows * model->width * sizeof(bf16),
                      rows * model->heads * model->head_width * sizeof(bf16),
                      rows * model->chunk * pass.chunks_at_once * sizeof(bf16),
                      batch->prompts * model->width * sizeof(float),
                      stages_of(&pass) * sizeof(Stage)};
    size_t starts[8];
    lay_out(sizes, 7, starts);
    char *room = room_of(starts[7]);
    if (!room) return NO_MEMORY;
    pass.states = (float *)(room + starts[1]);
    pass.normed = (bf16 *)(room + starts[2]);
    pass.mixed = (bf16 *)(room + starts[3]);
    pass.fed = (bf16 *)(room + starts[4]);
    pass.means = (float *)(room + starts[5]);
    pass.stages = memset(room + starts[6], 0, sizes[6]);
    Job job = {.work = work, .of = &pass, .wanted = threads - 1};
    do_together(&job);
    for (long row = 0; batch->hidden && row < batch->rows; row++)
        memcpy(batch->hidden + row * model->width, pass.states + row * pass.stride, model->width * sizeof(float));
    return DONE;
}
