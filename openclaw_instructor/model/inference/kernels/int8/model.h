/* What Python passes to a pass (`__init__.py`), and the data of a pass. */

#ifndef OPENCLAW_INSTRUCTOR_MODEL_H
#define OPENCLAW_INSTRUCTOR_MODEL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { RELU, GELU, GELU_TANH };      /* activations */
enum { ROOT_MEAN_SQUARE, LAYER_NORM }; /* norms: before each branch as in T5, or after its sum as in BERT */

/* A quantised weight (outputs, inputs) as panels, see `gemm.h`, and for each output its scale, what a number that all
 * inputs have in common adds, and its bias. */
typedef struct {
    const int8_t *panels;
    const float *scales, *sums, *bias;
    long outputs, inputs;
} Linear;

typedef struct {
    const float *weight, *bias; /* (width,) */
} Norm;

typedef struct {
    Linear qkv, out, up, down;
    Norm attention, feed; /* of a layer norm */
} Layer;

typedef struct {
    long vocabulary, positions, first_position, width, heads, head_width, inner, layer_count, dimension;
    long activation, norm, normalizes;
    float epsilon;
    const uint16_t *table;       /* (vocabulary, width) bfloat16 */
    const float *position_table; /* (positions, width), or 0 */
    Norm embedding;              /* of a layer norm */
    const Layer *layers;
    const float *dense; /* the projection, (width, dimension), or 0 */
} Model;

typedef struct {
    long start, prompts, length;
} Group;

typedef struct {
    const int64_t *ids;
    long rows;
    const Group *groups;
    long group_count;
    const float *bias; /* for each head 2 x max_distance + 1 floats, the distances from -max_distance on; or 0 */
    long max_distance; /* at least the longest prompt, rounded up to whole vectors */
    const int64_t *pooled, *starts; /* positions that enter the means, and where in them each prompt begins */
    long pooled_count, prompts;
    float *vectors; /* (prompts, dimension), or 0 to compute only the states */
    float *hidden;  /* (rows, width), or 0 */
} Batch;

/* A row is `low` + `scale` x its bytes. */
typedef struct {
    float scale, low;
} RowScale;

/* Quantised rows, `width` bytes each. */
typedef struct {
    uint8_t *bytes;
    RowScale *scales;
    long width;
} Rows;

typedef struct {
    long start, length;
} Prompt;

typedef struct Pass Pass;
typedef struct Stage Stage;

typedef void StageFunction(const Pass *pass, const Stage *stage, long part);

/* A step of the pass, divided into parts that any thread may take. */
struct Stage {
    StageFunction *run;
    long parts;
    const Layer *layer;
    atomic_long taken, complete;
};

struct Pass {
    const Model *model;
    const Batch *batch;
    float *states;  /* (rows, width) */
    float *qkv;     /* (rows and a vector more, 3 x heads x head_width) */
    float *mixed;   /* (rows, heads x head_width): attention's output */
    float *fed;     /* (ROWS, inner), where threads share the outputs of one block of rows */
    Rows input, hidden; /* what products read: of the stream or attention, and of the feed-forward */
    float *means;   /* (prompts, width) */
    Prompt *prompts;
    long longest; /* tokens of the longest prompt, rounded up to vectors */
    Stage *stages;
    long stage_count;
};

/* Rows whose feed-forward a thread computes at a time. */
enum { ROWS = 48 };

/* The stages of a pass, for one kind of processor. */
typedef struct {
    /* Outputs in a panel of a weight, its greatest number, and that of two neighbours; rows of attention's tiles. */
    long panel, weight_steps, most_of_pair, float_rows;
    StageFunction *embed, *qkv, *attend_head, *finish_layer;
    /* where threads share few rows */
    StageFunction *quantize_states, *qkv_panel, *quantize_mixed, *out_panel, *normalize_attention, *up_panel;
    StageFunction *quantize_fed, *down_panel, *normalize_feed;
    StageFunction *pool;
} Kernels;

/* The calling thread's memory, which `forward.c` has reserved; see `thread_scratch` in `stages.h`. */
char *scratch_of_thread(void);

#endif
