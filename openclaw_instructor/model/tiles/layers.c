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
 *   up         ReLU or GELU of a chunk of the feed-forward's channels   32 of them   |  for each chunk, so that what
 *   down       added to the states                                      32 channels  /  lies between stays in the cache
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

#include "attention.h"
#include "ends.h"
#include "product.h"
#include "room.h"
#include "team.h"

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
    long threads;
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
    size_t starts[7] = {0};
    for (int i = 0; i < 6; i++) starts[i + 1] = starts[i] + rounded_up(sizes[i], PAGE);
    return (HeadRoom){{(bf16 *)at, stride, each, (bf16 *)(at + starts[1]), (bf16 *)(at + starts[2]), (bf16 *)(at + starts[3]),
                       (float *)(at + starts[4]), (float *)(at + starts[5])},
                      starts[6]};
}

/* -- the parts of the stages -- */

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

static void onto_states(const Pass *pass, const bf16 *activations, long width, const bf16 *weight, long part) {
    long steps = width / STEP;
    Product product = {activations, pass->batch->rows, steps, weight + part * steps * PAIR, pass->threads};
    multiply_onto(product, pass->states + part * BLOCK, pass->stride);
}

static void up_part(const Pass *pass, const bf16 *weight, long part) {
    long steps = pass->model->width / STEP;
    Head head = head_room(pass, room_of(0)).head;
    Product product = {pass->normed, pass->batch->rows, steps, weight + part * steps * PAIR, pass->threads};
    Fed fed = {pass->fed + part * PAIR, pass->model->chunk / STEP};
    if (pass->model->has_gelu)
        multiply_into_gelu(product, head.sums, fed);
    else
        multiply_into_relu(product, head.sums, fed);
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

/* -- the stages -- */

enum { NORMED, HEADS, OUT, NORMED_AGAIN, FEED };

/* From FEED on up and down take turns, once for each chunk. */
static int is_up(long stage) { return (stage - FEED) % 2 == 0; }

static long stages_of_layer(const Model *model) { return FEED + 2 * (model->inner / model->chunk); }

static long parts_of_layer(const Pass *pass, long stage) {
    const Model *model = pass->model;
    if (stage == HEADS) return model->heads;
    if (stage == NORMED || stage == NORMED_AGAIN) return rounded_up(pass->batch->rows, BLOCK) / BLOCK;
    if (stage == OUT) return model->width / BLOCK;
    return (is_up(stage) ? model->chunk : model->width) / BLOCK;
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
        onto_states(pass, pass->mixed, inside, out, part);
    } else {
        long chunk = (stage - FEED) / 2;
        const bf16 *up = feed + chunk * (2 * model->chunk * model->width);
        if (is_up(stage))
            up_part(pass, up, part);
        else
            onto_states(pass, pass->fed, model->chunk, up + model->chunk * model->width, part);
    }
}

/* Of a pass, and of what is behind its layers, counted from there. */
enum { TOKENS, LAYERS };
enum { MEANS, DENSE, NORMAL, BEHIND };

static long stages_of(const Model *model) { return LAYERS + stages_of_layer(model) * model->layers + BEHIND; }

static long parts_of(const Pass *pass, long stage) {
    long each = stages_of_layer(pass->model), behind = stage - LAYERS - each * pass->model->layers;
    if (stage == TOKENS) return rounded_up(pass->batch->rows, BLOCK) / BLOCK;
    if (behind < 0) return parts_of_layer(pass, (stage - LAYERS) % each);
    if (!pass->batch->vectors) return 0;
    if (behind == MEANS) return pass->batch->prompts;
    return behind == DENSE ? pass->model->dimension / FLOATS : pass->model->normalizes;
}

static void do_part(const Pass *pass, long stage, long part) {
    long each = stages_of_layer(pass->model), behind = stage - LAYERS - each * pass->model->layers;
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
    for (long at = 0; at < stages_of(pass->model); at++) {
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

enum { DONE, NO_MEMORY, UNKNOWN_TOKEN, NO_ROWS };

/* Fills in the batch's vectors, its hidden states, or both. */
int tiles_forward(const Model *model, const Batch *batch, long threads) {
    if (batch->rows < 1) return NO_ROWS;
    for (long i = 0; i < batch->pooled_count; i++)
        if (batch->pooled[i] < 0 || batch->pooled[i] >= batch->rows) return NO_ROWS;
    for (long row = 0; row < batch->rows; row++)
        if (batch->ids[row] < 0 || batch->ids[row] >= model->vocabulary) return UNKNOWN_TOKEN;
    Pass pass = {.model = model, .batch = batch, .stride = model->width + FLOATS, .threads = threads};
    long rows = rounded_up(batch->rows, BLOCK);
    size_t sizes[] = {head_room(&pass, 0).size,
                      rows * pass.stride * sizeof(float),
                      rows * model->width * sizeof(bf16),
                      rows * model->heads * model->head_width * sizeof(bf16),
                      rows * model->chunk * sizeof(bf16),
                      batch->prompts * model->width * sizeof(float),
                      stages_of(model) * sizeof(Stage)};
    size_t starts[8] = {0};
    for (int i = 0; i < 7; i++) starts[i + 1] = starts[i] + rounded_up(sizes[i], PAGE);
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
