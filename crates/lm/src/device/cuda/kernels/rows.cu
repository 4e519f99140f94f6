// Operations on rows: norms, sums of columns, tables, rotations. Suffix f: activations are f32; h: they
// are bf16. Sums over rows go by pieces of ROWS rows and then over the pieces, in order: no atomics.

#define ROWS 64

// One block a row: y = x / sqrt(mean(x^2) + epsilon) * weight.
template <typename T>
__device__ void norm(const T *x, const float *weight, float epsilon, T *y, u32 width) {
    x += (u64)blockIdx.x * width;
    y += (u64)blockIdx.x * width;
    float sum = 0.0f;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) sum += load(x + i) * load(x + i);
    const float scale = 1.0f / sqrtf(block_sum(sum) / (float)width + epsilon);
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) store(y + i, load(x + i) * scale * weight[i]);
}

// One block a row: dx += s g - s^3 x mean(g x), g = dy weight; keeps s for the weights' gradient.
template <typename T>
__device__ void norm_backward(const T *x, const float *weight, float epsilon, const T *dy, T *dx,
                              float *scales, u32 width) {
    const u64 row = (u64)blockIdx.x * width;
    x += row, dy += row, dx += row;
    float squares = 0.0f, dot = 0.0f;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) {
        const float v = load(x + i);
        squares += v * v;
        dot += load(dy + i) * weight[i] * v;
    }
    squares = block_sum(squares);
    dot = block_sum(dot);
    const float scale = 1.0f / sqrtf(squares / (float)width + epsilon);
    const float back = scale * scale * scale * dot / (float)width;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) {
        const float slope = scale * load(dy + i) * weight[i] - back * load(x + i);
        store(dx + i, load(dx + i) + slope);
    }
    if (threadIdx.x == 0) scales[blockIdx.x] = scale;
}

// One thread a column and piece: partial[piece][column] = sum of dy x s, or of dy alone without x.
template <typename T>
__device__ void column_sums(const T *dy, const T *x, const float *scales, float *partial, u32 rows,
                            u32 columns) {
    const u32 column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    const u32 first = blockIdx.y * ROWS, last = min(first + ROWS, rows);
    float sum = 0.0f;
    for (u32 row = first; row < last; row++) {
        const u64 at = (u64)row * columns + column;
        const float slope = load(dy + at);
        sum += x ? slope * load(x + at) * scales[row] : slope;
    }
    partial[(u64)blockIdx.y * columns + column] = sum;
}

// out[column] += the pieces' sums.
extern "C" __global__ void fold(const float *partial, float *out, u32 pieces, u32 columns) {
    const u32 column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    float sum = 0.0f;
    for (u32 piece = 0; piece < pieces; piece++) sum += partial[(u64)piece * columns + column];
    out[column] += sum;
}

// One block a row: out[row] = table[ids[row]].
template <typename T> __device__ void embed(const T *table, const u32 *ids, T *out, u32 width) {
    table += (u64)ids[blockIdx.x] * width;
    out += (u64)blockIdx.x * width;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) out[i] = table[i];
}

// One block an id: its rows are groups[id's start..next start], added up in order.
template <typename T, typename U>
__device__ void scatter(const T *dout, const u32 *ids, const u32 *starts, const u32 *order, U *dtable,
                        u32 width) {
    dtable += (u64)ids[blockIdx.x] * width;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) {
        float sum = load(dtable + i);
        for (u32 at = starts[blockIdx.x]; at < starts[blockIdx.x + 1]; at++)
            sum += load(dout + (u64)order[at] * width + i);
        store(dtable + i, sum);
    }
}

// One thread a pair of one head. angles: [position][sines, cosines][width / 2].
template <typename T>
__device__ void rope(T *qkv, const u32 *positions, const float *angles, u64 pairs, u32 heads, u32 width,
                     u32 columns, u32 interleaved, float sign) {
    const u64 number = place();
    if (number >= pairs) return;
    const u32 half = width / 2, pair = number % half, head = number / half % heads;
    const u64 row = number / half / heads;
    const float *angle = angles + (u64)positions[row] * width;
    const float sine = angle[pair] * sign, cosine = angle[half + pair];
    T *at = qkv + row * columns + head * width;
    T *one = at + (interleaved ? 2 * pair : pair);
    T *two = interleaved ? one + 1 : one + half;
    const float x = load(one), y = load(two);
    store(one, x * cosine - y * sine);
    store(two, x * sine + y * cosine);
}

#define EACH(T, S)                                                                                       \
    extern "C" __global__ void norm_##S(const T *x, const float *weight, float epsilon, T *y,            \
                                        u32 width) {                                                     \
        norm(x, weight, epsilon, y, width);                                                              \
    }                                                                                                    \
    extern "C" __global__ void norm_backward_##S(const T *x, const float *weight, float epsilon,         \
                                                 const T *dy, T *dx, float *scales, u32 width) {         \
        norm_backward(x, weight, epsilon, dy, dx, scales, width);                                        \
    }                                                                                                    \
    extern "C" __global__ void norm_weights_##S(const T *dy, const T *x, const float *scales,            \
                                                float *partial, u32 rows, u32 columns) {                 \
        column_sums(dy, x, scales, partial, rows, columns);                                              \
    }                                                                                                    \
    extern "C" __global__ void column_sums_##S(const T *dy, float *partial, u32 rows, u32 columns) {     \
        column_sums(dy, (const T *)0, (const float *)0, partial, rows, columns);                         \
    }                                                                                                    \
    extern "C" __global__ void embed_##S(const T *table, const u32 *ids, T *out, u32 width) {            \
        embed(table, ids, out, width);                                                                   \
    }                                                                                                    \
    extern "C" __global__ void rope_##S(T *qkv, const u32 *positions, const float *angles, u64 pairs,    \
                                        u32 heads, u32 width, u32 columns, u32 interleaved,              \
                                        float sign) {                                                    \
        rope(qkv, positions, angles, pairs, heads, width, columns, interleaved, sign);                   \
    }
EACH(float, f)
EACH(bf16, h)
#undef EACH

// From and to: ff, hh, and hf where the table's gradient is f32.
#define EACH(T, U, S)                                                                                    \
    extern "C" __global__ void scatter_##S(const T *dout, const u32 *ids, const u32 *starts,             \
                                           const u32 *order, U *dtable, u32 width) {                     \
        scatter(dout, ids, starts, order, dtable, width);                                                \
    }
EACH(float, float, ff)
EACH(bf16, bf16, hh)
EACH(bf16, float, hf)
#undef EACH
