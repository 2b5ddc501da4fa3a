/* Products of int8 matrices (GEMM): quantised rows by a quantised weight, summed exactly in 32 bits.
 *
 * A weight (out, in) lies in panels of `PANEL` outputs. In a panel, for every four inputs, these four of each output side
 * by side: one vector for `FLOATS` outputs. A tile of `TILE_ROWS` rows by one panel stays in registers for all inputs.
 */

#ifndef OPENCLAW_INSTRUCTOR_INT8_GEMM_H
#define OPENCLAW_INSTRUCTOR_INT8_GEMM_H

#include "model.h"
#include "vector_math.h"

enum { PANEL = TILE_VECTORS * FLOATS };

/* What becomes of a product. */
typedef enum { STORE, ADD, STORE_RELU, STORE_GELU, STORE_GELU_TANH } Epilogue;

static inline __attribute__((always_inline)) void multiply_tile(const uint8_t *row, long width, const int8_t *panel,
                                                                long rows, Ints sums[][TILE_VECTORS]) {
    Ints own[TILE_ROWS][TILE_VECTORS];
    UNROLLED for (long r = 0; r < rows; r++)
        UNROLLED for (long v = 0; v < TILE_VECTORS; v++) own[r][v] = no_sums();
    for (long input = 0; input < width; input += 4, panel += 4 * PANEL) {
        Ints weight[TILE_VECTORS];
        UNROLLED for (long v = 0; v < TILE_VECTORS; v++) weight[v] = load_ints(panel + v * 4 * FLOATS);
        UNROLLED for (long r = 0; r < rows; r++) {
            Ints four = broadcast_four(row + r * width + input);
            UNROLLED for (long v = 0; v < TILE_VECTORS; v++)
                own[r][v] = add_products(own[r][v], four, weight[v]);
        }
    }
    UNROLLED for (long r = 0; r < rows; r++)
        UNROLLED for (long v = 0; v < TILE_VECTORS; v++) sums[r][v] = own[r][v];
}

static inline void multiply_rows(const uint8_t *row, long width, const int8_t *panel, long rows,
                                 Ints sums[][TILE_VECTORS]) {
    switch (rows) {
    case 1: multiply_tile(row, width, panel, 1, sums); break;
    case 2: multiply_tile(row, width, panel, 2, sums); break;
    case 3: multiply_tile(row, width, panel, 3, sums); break;
#if MOST_TILE_ROWS > 4
    case 4: multiply_tile(row, width, panel, 4, sums); break;
    case 5: multiply_tile(row, width, panel, 5, sums); break;
#endif
    default: multiply_tile(row, width, panel, TILE_ROWS, sums);
    }
}

/* Scales a row of sums, and stores or adds it. */
static inline __attribute__((always_inline)) void finish_row(const Ints *sums, RowScale row, const Linear *weight, long at,
                                                             Epilogue epilogue, float *to) {
    for (long v = 0; v < TILE_VECTORS; v++, at += FLOATS, to += FLOATS) {
        Floats scale = mul(load(weight->scales + at), all(row.scale));
        Floats rest = load(weight->bias + at);
        rest = mul_add(load(weight->sums + at), all(row.low), rest);
        Floats x = mul_add(as_floats(sums[v]), scale, rest);
        if (epilogue == ADD) x = add(x, load(to));
        if (epilogue == STORE_RELU) x = greatest(x, all(0.0f));
        if (epilogue == STORE_GELU) x = gelu(x);
        if (epilogue == STORE_GELU_TANH) x = gelu_tanh(x);
        store(to, x);
    }
}

/* Multiplies `count` rows from `from` on by one panel of a weight; the result's rows are `stride` floats apart. */
static inline __attribute__((always_inline)) void multiply_panel(const Rows *rows, long from, long count,
                                                                 const Linear *weight, long panel, Epilogue epilogue,
                                                                 float *to, long stride) {
    const int8_t *values = weight->panels + panel * PANEL * rows->width;
    for (long row = 0; row < count; row += TILE_ROWS) {
        long some = count - row < TILE_ROWS ? count - row : TILE_ROWS;
        Ints sums[TILE_ROWS][TILE_VECTORS];
        multiply_rows(rows->bytes + (from + row) * rows->width, rows->width, values, some, sums);
        for (long r = 0; r < some; r++)
            finish_row(sums[r], rows->scales[from + row + r], weight, panel * PANEL, epilogue,
                       to + (row + r) * stride + panel * PANEL);
    }
}

/* The same for panels `first` to `last` - 1, with an epilogue that is known when the program runs. */
static void multiply(const Rows *rows, long from, long count, const Linear *weight, long first, long last,
                     Epilogue epilogue, float *to, long stride) {
    for (long panel = first; panel < last; panel++) switch (epilogue) {
        case STORE: multiply_panel(rows, from, count, weight, panel, STORE, to, stride); break;
        case ADD: multiply_panel(rows, from, count, weight, panel, ADD, to, stride); break;
        case STORE_RELU: multiply_panel(rows, from, count, weight, panel, STORE_RELU, to, stride); break;
        case STORE_GELU: multiply_panel(rows, from, count, weight, panel, STORE_GELU, to, stride); break;
        case STORE_GELU_TANH: multiply_panel(rows, from, count, weight, panel, STORE_GELU_TANH, to, stride); break;
        }
}

#endif
