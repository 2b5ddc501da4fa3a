/* A forward pass of an encoder in int8, for a packed row of prompts: T5, and BERT and its kin. `__init__.py` lays out the
 * weights and calls it.
 *
 * A pass is a list of stages, and a stage a number of parts that any thread may take; a stage begins when the one before
 * it is complete:
 *
 *   embed          the states of the tokens                                           a prompt
 *   qkv            quantised states to queries, keys and values                       48 rows            \
 *   attend_head    attention                                                          a prompt's head    |  for each layer
 *   finish_layer   output projection and feed-forward, added to the states; norms     48 rows            /
 *   pool           mean, projection, unit length                                      a prompt
 *
 * Where several threads share few rows, the products are divided by panels of outputs instead.
 */

#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "dispatch.h"
#include "model.h"
#include "../shared/processor.h"
#include "../shared/scratch.h"
#include "../shared/thread_pool.h"

/* What `int8_forward` returns. */
enum { DONE, NO_MEMORY, UNKNOWN_TOKEN, NO_ROWS, TOO_LONG };

enum { VECTOR = 16 /* floats of the widest vector */, STAGES_BY_PANELS = 10 };

char *scratch_of_thread(void) { return scratch_of(0); }

static void append(Pass *pass, StageFunction *run, long parts, const Layer *layer) {
    Stage *stage = &pass->stages[pass->stage_count++];
    stage->run = run;
    stage->parts = parts;
    stage->layer = layer;
    atomic_init(&stage->taken, 0);
    atomic_init(&stage->complete, 0);
}

static void plan_by_rows(Pass *pass, const Kernels *kernels, const Layer *layer) {
    long blocks = (pass->batch->rows + ROWS - 1) / ROWS;
    append(pass, kernels->qkv, blocks, layer);
    append(pass, kernels->attend_head, pass->batch->prompts * pass->model->heads, layer);
    append(pass, kernels->finish_layer, blocks, layer);
}

static void plan_by_panels(Pass *pass, const Kernels *kernels, const Layer *layer) {
    long panel = kernels->panel;
    append(pass, kernels->quantize_states, 1, layer);
    append(pass, kernels->qkv_panel, layer->qkv.outputs / panel, layer);
    append(pass, kernels->attend_head, pass->batch->prompts * pass->model->heads, layer);
    append(pass, kernels->quantize_mixed, 1, layer);
    append(pass, kernels->out_panel, layer->out.outputs / panel, layer);
    append(pass, kernels->normalize_attention, 1, layer);
    append(pass, kernels->up_panel, layer->up.outputs / panel, layer);
    append(pass, kernels->quantize_fed, 1, layer);
    append(pass, kernels->down_panel, layer->down.outputs / panel, layer);
    append(pass, kernels->normalize_feed, 1, layer);
}

static void plan(Pass *pass, const Kernels *kernels, int by_panels) {
    const Model *model = pass->model;
    append(pass, kernels->embed, pass->batch->prompts, 0);
    for (const Layer *layer = model->layers; layer < model->layers + model->layer_count; layer++)
        (by_panels ? plan_by_panels : plan_by_rows)(pass, kernels, layer);
    if (pass->batch->vectors) append(pass, kernels->pool, pass->batch->prompts, 0);
}

/* As `thread_scratch` of `stages.h` divides it. */
static size_t thread_bytes(const Pass *pass, const Kernels *kernels) {
    const Model *model = pass->model;
    long attention = model->heads * model->head_width, widest = model->width > attention ? model->width : attention;
    size_t floats = (size_t)(ROWS * model->inner + (2 * model->head_width + kernels->float_rows) * pass->longest);
    return floats * sizeof(float) + 2 * ROWS * sizeof(RowScale) + (size_t)(ROWS * (widest + model->inner));
}

typedef struct {
    const Pass *pass;
    size_t thread_bytes;
} Work;

static void run_stages(void *argument) {
    const Work *work = argument;
    const Pass *pass = work->pass;
    if (!scratch_of(work->thread_bytes)) return;
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
}

static int check(const Model *model, const Batch *batch) {
    long covered = 0;
    if (batch->rows < 1 || batch->prompts < 1) return NO_ROWS;
    for (long i = 0; i < batch->pooled_count; i++)
        if (batch->pooled[i] < 0 || batch->pooled[i] >= batch->rows) return NO_ROWS;
    for (long row = 0; row < batch->rows; row++)
        if (batch->ids[row] < 0 || batch->ids[row] >= model->vocabulary) return UNKNOWN_TOKEN;
    for (const Group *group = batch->groups; group < batch->groups + batch->group_count; group++) {
        if (group->start != covered || group->length < 1) return NO_ROWS;
        if (model->position_table && group->length + model->first_position > model->positions) return TOO_LONG;
        covered += group->prompts * group->length;
    }
    return covered == batch->rows ? DONE : NO_ROWS;
}

static size_t floats(long rows, long width) { return (size_t)rows * (size_t)width * sizeof(float); }

static void list_prompts(Pass *pass) {
    Prompt *prompt = pass->prompts;
    for (const Group *group = pass->batch->groups; group < pass->batch->groups + pass->batch->group_count; group++)
        for (long i = 0; i < group->prompts; i++)
            *prompt++ = (Prompt){group->start + i * group->length, group->length};
}

static long longest_of(const Batch *batch) {
    long longest = 0;
    for (const Group *group = batch->groups; group < batch->groups + batch->group_count; group++)
        if (group->length > longest) longest = group->length;
    return (longest + VECTOR - 1) / VECTOR * VECTOR;
}

/* -- what Python calls -- */

/* The digest of the sources that this was made of. */
const char *int8_sources(void) { return SOURCES; }

/* Prepares for forks, once in a process. */
int int8_open(void) { return pthread_atfork(0, 0, reset_pool) == 0; }

/* Whether the processor has matrix instructions for bfloat16, which are faster. */
int int8_has_amx(void) { return has_amx(); }

/* What these kernels want of weights: outputs in a panel, the greatest magnitude, and that of two neighbours of one sign
 * (0 for any). Returns whether this processor runs them. */
int int8_layout(const char *name, long *panel, long *steps, long *most_of_pair) {
    const Kernels *kernels = kernels_named(name);
    if (!kernels) return 0;
    *panel = kernels->panel;
    *steps = kernels->weight_steps;
    *most_of_pair = kernels->most_of_pair;
    return 1;
}

/* Fills in the batch's vectors, its states, or both. */
int int8_forward(const char *name, const Model *model, const Batch *batch, long threads) {
    const Kernels *kernels = kernels_named(name);
    int problem = check(model, batch), by_panels = threads > 1 && batch->rows <= ROWS;
    if (problem) return problem;
    long rows = batch->rows, attention = model->heads * model->head_width, few = by_panels ? rows : 0;
    long widest = model->width > attention ? model->width : attention;
    Pass pass = {.model = model, .batch = batch, .longest = longest_of(batch)};
    size_t own = thread_bytes(&pass, kernels);
    size_t sizes[] = {own,
                      floats(rows, model->width),
                      floats(rows + VECTOR, 3 * attention),
                      floats(rows, attention),
                      floats(few, model->inner),
                      (size_t)(few * widest),
                      (size_t)(few * model->inner),
                      2 * ROWS * sizeof(RowScale),
                      floats(batch->prompts, model->width),
                      (size_t)batch->prompts * sizeof(Prompt),
                      (size_t)(2 + model->layer_count * STAGES_BY_PANELS) * sizeof(Stage)};
    size_t starts[12];
    lay_out(sizes, 11, starts);
    char *scratch = scratch_of(starts[11]);
    if (!scratch) return NO_MEMORY;
    RowScale *scales = (RowScale *)(scratch + starts[7]);
    pass.states = (float *)(scratch + starts[1]);
    pass.qkv = (float *)(scratch + starts[2]);
    pass.mixed = (float *)(scratch + starts[3]);
    pass.fed = (float *)(scratch + starts[4]);
    pass.input = (Rows){(uint8_t *)(scratch + starts[5]), scales, 0};
    pass.hidden = (Rows){(uint8_t *)(scratch + starts[6]), scales + ROWS, model->inner};
    pass.means = (float *)(scratch + starts[8]);
    pass.prompts = (Prompt *)(scratch + starts[9]);
    pass.stages = (Stage *)(scratch + starts[10]);
    list_prompts(&pass);
    plan(&pass, kernels, by_panels);
    Work work = {&pass, own};
    Job job = {.work = run_stages, .argument = &work, .wanted = threads - 1};
    run_job(&job);
    if (batch->hidden) memcpy(batch->hidden, pass.states, floats(rows, model->width));
    return DONE;
}
