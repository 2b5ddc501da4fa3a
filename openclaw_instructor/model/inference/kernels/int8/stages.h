/* What one part of each stage of a pass does. Included once for each kind of processor, which names its table `KERNELS`. */

#include "attention.h"

/* A thread's own memory: the rows that it multiplies, its part of the feed-forward, and attention's matrices. */
typedef struct {
    Rows input, hidden;
    float *fed;
    Head head;
} ThreadScratch;

/* As `thread_bytes` of `forward.c` counts it. */
static ThreadScratch thread_scratch(const Pass *pass) {
    const Model *model = pass->model;
    long attention = model->heads * model->head_width, widest = model->width > attention ? model->width : attention;
    char *at = scratch_of_thread();
    ThreadScratch own = {.input = {0, 0, 0}};
    own.fed = (float *)at;
    at += (size_t)(ROWS * model->inner) * sizeof(float);
    own.head.keys = (float *)at;
    at += (size_t)(model->head_width * pass->longest) * sizeof(float);
    own.head.values = (float *)at;
    at += (size_t)(model->head_width * pass->longest) * sizeof(float);
    own.head.scores = (float *)at;
    at += (size_t)(FLOAT_ROWS * pass->longest) * sizeof(float);
    own.input.scales = (RowScale *)at;
    own.hidden.scales = own.input.scales + ROWS;
    at += 2 * ROWS * sizeof(RowScale);
    own.input.bytes = (uint8_t *)at;
    own.hidden.bytes = own.input.bytes + ROWS * widest;
    own.hidden.width = model->inner;
    return own;
}

static long rows_from(const Pass *pass, long from) {
    long left = pass->batch->rows - from;
    return left < ROWS ? left : ROWS;
}

static Epilogue activation_of(const Model *model) {
    return model->activation == RELU ? STORE_RELU : model->activation == GELU ? STORE_GELU : STORE_GELU_TANH;
}

/* Part: a prompt. Writes the states of its tokens. */
static void embed(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    Prompt prompt = pass->prompts[part];
    for (long at = 0; at < prompt.length; at++) {
        long row = prompt.start + at;
        embed_token(pass->model, pass->batch->ids[row], at, pass->states + row * pass->model->width);
    }
}

/* Part: a block of rows. Queries, keys and values of all heads. */
static void qkv(const Pass *pass, const Stage *stage, long part) {
    const Linear *weight = &stage->layer->qkv;
    long from = part * ROWS, count = rows_from(pass, from), width = pass->model->width;
    ThreadScratch own = thread_scratch(pass);
    own.input.width = width;
    quantize_rows(pass->states + from * width, count, width, pass->model, own.input, 0);
    multiply(&own.input, 0, count, weight, 0, weight->outputs / PANEL, STORE, pass->qkv + from * weight->outputs,
             weight->outputs);
}

/* Part: a head of a prompt. */
static void attend_head(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    const Model *model = pass->model;
    const Batch *batch = pass->batch;
    long heads = model->heads, which = part % heads, attention = heads * model->head_width;
    Prompt prompt = pass->prompts[part / heads];
    Head head = thread_scratch(pass).head;
    head.stride = 3 * attention;
    head.width = model->head_width;
    head.query = pass->qkv + prompt.start * head.stride + which * head.width;
    head.key = head.query + attention;
    head.value = head.key + attention;
    const float *bias = 0;
    if (batch->bias) bias = batch->bias + which * (2 * batch->max_distance + 1) + batch->max_distance;
    attend(&head, prompt.length, bias, pass->mixed + prompt.start * attention + which * head.width, attention);
}

/* Part: a block of rows. Attention's output projection and the feed-forward, each added to the states. */
static void finish_layer(const Pass *pass, const Stage *stage, long part) {
    const Model *model = pass->model;
    const Layer *layer = stage->layer;
    long from = part * ROWS, count = rows_from(pass, from), width = model->width;
    long attention = model->heads * model->head_width;
    float *states = pass->states + from * width;
    ThreadScratch own = thread_scratch(pass);
    own.input.width = attention;
    quantize_rows(pass->mixed + from * attention, count, attention, 0, own.input, 0);
    multiply(&own.input, 0, count, &layer->out, 0, width / PANEL, ADD, states, width);
    normalize_after(states, count, model, layer->attention);
    own.input.width = width;
    quantize_rows(states, count, width, model, own.input, 0);
    multiply(&own.input, 0, count, &layer->up, 0, model->inner / PANEL, activation_of(model), own.fed, model->inner);
    quantize_rows(own.fed, count, model->inner, 0, own.hidden, 0);
    multiply(&own.hidden, 0, count, &layer->down, 0, width / PANEL, ADD, states, width);
    normalize_after(states, count, model, layer->feed);
}

/* -- the same by panels of outputs, where few rows are shared by several threads -- */

static void quantize_states(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    (void)part;
    Rows to = {pass->input.bytes, pass->input.scales, pass->model->width};
    quantize_rows(pass->states, pass->batch->rows, to.width, pass->model, to, 0);
}

static void quantize_mixed(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    (void)part;
    Rows to = {pass->input.bytes, pass->input.scales, pass->model->heads * pass->model->head_width};
    quantize_rows(pass->mixed, pass->batch->rows, to.width, 0, to, 0);
}

static void quantize_fed(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    (void)part;
    quantize_rows(pass->fed, pass->batch->rows, pass->model->inner, 0, pass->hidden, 0);
}

/* After attention's branch, and what the feed-forward reads. */
static void normalize_attention(const Pass *pass, const Stage *stage, long part) {
    normalize_after(pass->states, pass->batch->rows, pass->model, stage->layer->attention);
    quantize_states(pass, stage, part);
}

static void normalize_feed(const Pass *pass, const Stage *stage, long part) {
    (void)part;
    normalize_after(pass->states, pass->batch->rows, pass->model, stage->layer->feed);
}

static void qkv_panel(const Pass *pass, const Stage *stage, long part) {
    const Linear *weight = &stage->layer->qkv;
    Rows rows = {pass->input.bytes, pass->input.scales, weight->inputs};
    multiply(&rows, 0, pass->batch->rows, weight, part, part + 1, STORE, pass->qkv, weight->outputs);
}

static void out_panel(const Pass *pass, const Stage *stage, long part) {
    const Linear *weight = &stage->layer->out;
    Rows rows = {pass->input.bytes, pass->input.scales, weight->inputs};
    multiply(&rows, 0, pass->batch->rows, weight, part, part + 1, ADD, pass->states, weight->outputs);
}

static void up_panel(const Pass *pass, const Stage *stage, long part) {
    const Linear *weight = &stage->layer->up;
    Rows rows = {pass->input.bytes, pass->input.scales, weight->inputs};
    multiply(&rows, 0, pass->batch->rows, weight, part, part + 1, activation_of(pass->model), pass->fed, weight->outputs);
}

static void down_panel(const Pass *pass, const Stage *stage, long part) {
    const Linear *weight = &stage->layer->down;
    multiply(&pass->hidden, 0, pass->batch->rows, weight, part, part + 1, ADD, pass->states, weight->outputs);
}

/* -- behind the layers -- */

/* Part: a prompt. Its vector. */
static void pool(const Pass *pass, const Stage *stage, long part) {
    (void)stage;
    const Model *model = pass->model;
    const Batch *batch = pass->batch;
    long from = batch->starts[part], until = part + 1 < batch->prompts ? batch->starts[part + 1] : batch->pooled_count;
    float *mean = pass->means + part * model->width;
    mean_of_rows(model, pass->states, batch->pooled + from, until - from, mean);
    project(model, mean, batch->vectors + part * model->dimension);
}

const Kernels KERNELS = {
    .panel = PANEL,
    .weight_steps = WEIGHT_STEPS,
    .most_of_pair = MOST_OF_PAIR,
    .float_rows = FLOAT_ROWS,
    .embed = embed,
    .qkv = qkv,
    .attend_head = attend_head,
    .finish_layer = finish_layer,
    .quantize_states = quantize_states,
    .quantize_mixed = quantize_mixed,
    .quantize_fed = quantize_fed,
    .qkv_panel = qkv_panel,
    .out_panel = out_panel,
    .up_panel = up_panel,
    .down_panel = down_panel,
    .normalize_attention = normalize_attention,
    .normalize_feed = normalize_feed,
    .pool = pool,
};
