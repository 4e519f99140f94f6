// Causal attention with grouped queries within each document, by tiles of 32 queries and 32 keys, softmax
// online, probabilities remade in the backward pass (Dao et al. 2022): memory in proportion to a document's
// length. A block is 128 threads, four to a tile's row: each has every fourth of 32 partners, and every
// fourth group of four of the D columns (a head's width, filled up with zeros to 64 or 128). Gradients of
// queries and of keys are two kernels, so that each value is written by one thread: no atomics.
//
// tiles: [tile][first row, rows, document's first row, document's end]. qkv has rows of query heads, key
// heads, value heads. Arithmetic is f32; suffix f: activations are f32; h: they are bf16.

#define TILE 32
#define BLOCK 128
// Rows of weights are a bank apart.
#define WEIGHTS 33

extern __shared__ float4 room[];

// Values from one row to the next of a tile: four more than its columns, so that rows are banks apart.
template <int D> __device__ constexpr int stride() { return D + 4; }

struct Heads {
    u32 query, kept, width;
    __device__ u32 columns() const { return (query + 2 * kept) * width; }
};

// Rows of a matrix into a tile, zeros around them.
template <int D, typename T> __device__ void fill(float *tile, const T *from, u32 step, int rows, u32 width) {
    for (u32 i = threadIdx.x; i < TILE * D; i += BLOCK) {
        const u32 row = i / D, column = i % D;
        const bool there = (int)row < rows && column < width;
        tile[row * stride<D>() + column] = there ? load(from + (u64)row * step + column) : 0.0f;
    }
}

// Products of a row with eight rows of a tile: part, part + 4, ...
template <int D> __device__ __forceinline__ void dots(const float *row, const float *tile, u32 part, float *out) {
#pragma unroll
    for (int j = 0; j < 8; j++) out[j] = 0.0f;
#pragma unroll 4
    for (int i = 0; i < D; i += 4) {
        const float4 a = *(const float4 *)(row + i);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const float4 b = *(const float4 *)(tile + (part + 4 * j) * stride<D>() + i);
            out[j] += a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
        }
    }
}

// sum += weights[0..32] tile, this thread's columns.
template <int D> __device__ __forceinline__ void combine(const float *weights, const float *tile, u32 part, float4 *sum) {
#pragma unroll 4
    for (int i = 0; i < TILE; i++) {
        const float w = weights[i];
#pragma unroll
        for (int m = 0; m < D / 16; m++) {
            const float4 b = *(const float4 *)(tile + i * stride<D>() + 16 * m + 4 * part);
            sum[m].x += w * b.x;
            sum[m].y += w * b.y;
            sum[m].z += w * b.z;
            sum[m].w += w * b.w;
        }
    }
}

template <int D> __device__ __forceinline__ void zero(float4 *sum) {
#pragma unroll
    for (int m = 0; m < D / 16; m++) sum[m] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

// This thread's columns of a row, times scale.
template <int D, typename T> __device__ void put(T *row, const float4 *sum, u32 part, u32 width, float scale) {
#pragma unroll
    for (int m = 0; m < D / 16; m++) {
        const u32 at = 16 * m + 4 * part;
        if (at < width) store(row + at, sum[m].x * scale);
        if (at + 1 < width) store(row + at + 1, sum[m].y * scale);
        if (at + 2 < width) store(row + at + 2, sum[m].z * scale);
        if (at + 3 < width) store(row + at + 3, sum[m].w * scale);
    }
}

// A row's four threads agree.
__device__ __forceinline__ float four_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL, x, 2));
}

__device__ __forceinline__ float four_sum(float x) {
    x += __shfl_xor_sync(ALL, x, 1);
    return x + __shfl_xor_sync(ALL, x, 2);
}

// Grid: tiles, query heads.
template <typename T, int D>
__device__ void forward(const u32 *tiles, const T *qkv, T *out, float *norms, Heads heads, float scale) {
    const u32 first = tiles[4 * blockIdx.x], rows = tiles[4 * blockIdx.x + 1];
    const u32 start = tiles[4 * blockIdx.x + 2], end = first + rows;
    const u32 head = blockIdx.y, step = heads.columns();
    const u32 key = (heads.query + head / (heads.query / heads.kept)) * heads.width;
    const u32 value = key + heads.kept * heads.width;
    const u32 row = threadIdx.x / 4, part = threadIdx.x % 4, here = first + row;
    float *queries = (float *)room, *other = queries + TILE * stride<D>();
    float *weights = other + TILE * stride<D>();
    fill<D>(queries, qkv + (u64)first * step + head * heads.width, step, rows, heads.width);
    float most = -1.0e30f, sum = 0.0f, s[8];
    float4 result[D / 16];
    zero<D>(result);
    for (u32 at = start; at < end; at += TILE) {
        const T *from = qkv + (u64)at * step;
        __syncthreads();
        fill<D>(other, from + key, step, end - at, heads.width);
        __syncthreads();
        dots<D>(queries + row * stride<D>(), other, part, s);
        float high = most, more = 0.0f;
        for (int j = 0; j < 8; j++) {
            s[j] = at + part + 4 * j <= here ? s[j] * scale : -INFINITE;
            high = fmaxf(high, s[j]);
        }
        high = four_max(high);
        for (int j = 0; j < 8; j++) {
            s[j] = expf(s[j] - high);
            more += s[j];
            weights[row * WEIGHTS + part + 4 * j] = s[j];
        }
        const float less = expf(most - high);
        sum = sum * less + four_sum(more);
        most = high;
        for (int m = 0; m < D / 16; m++) {
            result[m].x *= less;
            result[m].y *= less;
            result[m].z *= less;
            result[m].w *= less;
        }
        __syncthreads();
        fill<D>(other, from + value, step, end - at, heads.width);
        __syncthreads();
        combine<D>(weights + row * WEIGHTS, other, part, result);
    }
    if (row >= rows) return;
    put<D>(out + ((u64)here * heads.query + head) * heads.width, result, part, heads.width, 1.0f / sum);
    if (part == 0) norms[(u64)here * heads.query + head] = most + logf(sum);
}

// delta[row][head] = out . dout; one warp each.
template <typename T> __device__ void delta(const T *out, const T *dout, float *delta, u64 count, u32 width) {
    const u64 number = place() / 32;
    if (number >= count) return;
    float sum = 0.0f;
    for (u32 i = threadIdx.x % 32; i < width; i += 32)
        sum += load(out + number * width + i) * load(dout + number * width + i);
    for (int step = 16; step > 0; step >>= 1) sum += __shfl_xor_sync(ALL, sum, step);
    if (threadIdx.x % 32 == 0) delta[number] = sum;
}

// Gradients of queries: dq = scale sum over keys of P (dP - delta) k. Grid: tiles, query heads.
template <typename T, int D>
__device__ void backward_queries(const u32 *tiles, const T *qkv, const float *norms, const float *deltas,
                                 const T *dout, T *dqkv, Heads heads, float scale) {
    const u32 first = tiles[4 * blockIdx.x], rows = tiles[4 * blockIdx.x + 1];
    const u32 start = tiles[4 * blockIdx.x + 2], end = first + rows;
    const u32 head = blockIdx.y, step = heads.columns(), size = TILE * stride<D>();
    const u32 key = (heads.query + head / (heads.query / heads.kept)) * heads.width;
    const u32 value = key + heads.kept * heads.width;
    const u32 row = threadIdx.x / 4, part = threadIdx.x % 4, here = first + row;
    float *queries = (float *)room, *slopes = queries + size, *keys = slopes + size;
    float *values = keys + size, *weights = values + size;
    fill<D>(queries, qkv + (u64)first * step + head * heads.width, step, rows, heads.width);
    fill<D>(slopes, dout + ((u64)first * heads.query + head) * heads.width, heads.query * heads.width, rows,
            heads.width);
    const bool there = row < rows;
    const float norm = there ? norms[(u64)here * heads.query + head] : 0.0f;
    const float delta = there ? deltas[(u64)here * heads.query + head] : 0.0f;
    float s[8], dp[8];
    float4 result[D / 16];
    zero<D>(result);
    for (u32 at = start; at < end; at += TILE) {
        const T *from = qkv + (u64)at * step;
        __syncthreads();
        fill<D>(keys, from + key, step, end - at, heads.width);
        fill<D>(values, from + value, step, end - at, heads.width);
        __syncthreads();
        dots<D>(queries + row * stride<D>(), keys, part, s);
        dots<D>(slopes + row * stride<D>(), values, part, dp);
        for (int j = 0; j < 8; j++) {
            const bool seen = there && at + part + 4 * j <= here;
            weights[row * WEIGHTS + part + 4 * j] = seen ? expf(s[j] * scale - norm) * (dp[j] - delta) : 0.0f;
        }
        __syncthreads();
        combine<D>(weights + row * WEIGHTS, keys, part, result);
    }
    if (there) put<D>(dqkv + (u64)here * step + head * heads.width, result, part, heads.width, scale);
}

// Gradients of keys and values, over all query heads that share them. Grid: tiles (of keys), key heads.
template <typename T, int D>
__device__ void backward_keys(const u32 *tiles, const T *qkv, const float *norms, const float *deltas,
                              const T *dout, T *dqkv, Heads heads, float scale) {
    const u32 first = tiles[4 * blockIdx.x], rows = tiles[4 * blockIdx.x + 1];
    const u32 end = tiles[4 * blockIdx.x + 3], step = heads.columns(), size = TILE * stride<D>();
    const u32 group = heads.query / heads.kept, width = heads.width;
    const u32 key = (heads.query + blockIdx.y) * width, value = key + heads.kept * width;
    const u32 row = threadIdx.x / 4, part = threadIdx.x % 4, here = first + row;
    float *keys = (float *)room, *values = keys + size, *queries = values + size;
    float *slopes = queries + size, *weights = slopes + size, *turned = weights + TILE * WEIGHTS;
    float *norm = turned + TILE * WEIGHTS, *delta = norm + TILE;
    fill<D>(keys, qkv + (u64)first * step + key, step, rows, width);
    fill<D>(values, qkv + (u64)first * step + value, step, rows, width);
    float s[8], dp[8];
    float4 dkey[D / 16], dvalue[D / 16];
    zero<D>(dkey);
    zero<D>(dvalue);
    for (u32 head = blockIdx.y * group; head < (blockIdx.y + 1) * group; head++) {
        for (u32 at = first; at < end; at += TILE) {
            __syncthreads();
            fill<D>(queries, qkv + (u64)at * step + head * width, step, end - at, width);
            fill<D>(slopes, dout + ((u64)at * heads.query + head) * width, heads.query * width, end - at, width);
            if (threadIdx.x < TILE && at + threadIdx.x < end) {
                const u64 from = (u64)(at + threadIdx.x) * heads.query + head;
                norm[threadIdx.x] = norms[from];
                delta[threadIdx.x] = deltas[from];
            }
            __syncthreads();
            dots<D>(keys + row * stride<D>(), queries, part, s);
            dots<D>(values + row * stride<D>(), slopes, part, dp);
            for (int j = 0; j < 8; j++) {
                const u32 query = part + 4 * j;
                const bool seen = here <= at + query && at + query < end;
                const float p = seen ? expf(s[j] * scale - norm[query]) : 0.0f;
                weights[row * WEIGHTS + query] = p;
                turned[row * WEIGHTS + query] = seen ? p * (dp[j] - delta[query]) : 0.0f;
            }
            __syncthreads();
            combine<D>(weights + row * WEIGHTS, slopes, part, dvalue);
            combine<D>(turned + row * WEIGHTS, queries, part, dkey);
        }
    }
    if (row >= rows) return;
    put<D>(dqkv + (u64)here * step + key, dkey, part, width, scale);
    put<D>(dqkv + (u64)here * step + value, dvalue, part, width, 1.0f);
}

#define EACH(T, S, D)                                                                                    \
    extern "C" __global__ void attention_##S##D(const u32 *tiles, const T *qkv, T *out, float *norms,    \
                                                u32 query, u32 kept, u32 width, float scale) {           \
        const Heads heads = {query, kept, width};                                                        \
        forward<T, D>(tiles, qkv, out, norms, heads, scale);                                             \
    }                                                                                                    \
    extern "C" __global__ void backward_queries_##S##D(                                                  \
        const u32 *tiles, const T *qkv, const float *norms, const float *deltas, const T *dout, T *dqkv, \
        u32 query, u32 kept, u32 width, float scale) {                                                   \
        const Heads heads = {query, kept, width};                                                        \
        backward_queries<T, D>(tiles, qkv, norms, deltas, dout, dqkv, heads, scale);                     \
    }                                                                                                    \
    extern "C" __global__ void backward_keys_##S##D(                                                     \
        const u32 *tiles, const T *qkv, const float *norms, const float *deltas, const T *dout, T *dqkv, \
        u32 query, u32 kept, u32 width, float scale) {                                                   \
        const Heads heads = {query, kept, width};                                                        \
        backward_keys<T, D>(tiles, qkv, norms, deltas, dout, dqkv, heads, scale);                        \
    }
EACH(float, f, 64)
EACH(float, f, 128)
EACH(bf16, h, 64)
EACH(bf16, h, 128)
#undef EACH

extern "C" __global__ void delta_f(const float *out, const float *dout, float *deltas, u64 count, u32 width) {
    delta(out, dout, deltas, count, width);
}

extern "C" __global__ void delta_h(const bf16 *out, const bf16 *dout, float *deltas, u64 count, u32 width) {
    delta(out, dout, deltas, count, width);
}
