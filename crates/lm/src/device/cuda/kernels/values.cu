// Operations on single values: sums, biases, gates, dropout, and f32 to bf16. One thread a value.
// Suffix f: activations are f32; h: they are bf16.

// y += x.
template <typename T> __device__ void add(const T *x, T *y, u64 length) {
    const u64 i = place();
    if (i < length) store(y + i, load(y + i) + load(x + i));
}

// x[r][c] += bias[c].
template <typename T> __device__ void bias(const float *bias, T *x, u64 length, u32 columns) {
    const u64 i = place();
    if (i < length) store(x + i, load(x + i) + bias[i % columns]);
}

// y[r][i] = silu(x[r][i]) x[r][width + i].
template <typename T> __device__ void gate(const T *x, T *y, u64 length, u32 width) {
    const u64 i = place();
    if (i >= length) return;
    const T *at = x + i / width * 2 * width + i % width;
    const float g = load(at);
    store(y + i, g / (1.0f + expf(-g)) * load(at + width));
}

// x becomes its gradient, dy becomes y.
template <typename T> __device__ void gate_backward(T *x, T *dy, u64 length, u32 width) {
    const u64 i = place();
    if (i >= length) return;
    T *at = x + i / width * 2 * width + i % width;
    const float g = load(at), up = load(at + width), d = load(dy + i);
    const float sigmoid = 1.0f / (1.0f + expf(-g)), silu = g * sigmoid;
    store(at, d * up * (sigmoid + silu * (1.0f - sigmoid)));
    store(at + width, d * silu);
    store(dy + i, silu * up);
}

// A permutation of 32 bits, the same as the processor's (Wellons' lowbias32).
__device__ __forceinline__ u32 mix(u32 x) {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

// y (+)= x scale where the hash of seed and number is not below the bound, else 0.
template <typename T>
__device__ void dropout(const T *x, T *y, u64 length, u32 bound, float scale, u64 seed, u32 adds) {
    const u64 i = place();
    if (i >= length) return;
    const u32 hash = mix(mix((u32)i ^ (u32)seed) ^ (u32)(i >> 32) ^ (u32)(seed >> 32));
    const float kept = hash < bound ? 0.0f : load(x + i) * scale;
    store(y + i, adds ? load(y + i) + kept : kept);
}

extern "C" __global__ void narrow(const float *from, bf16 *to, u64 length) {
    const u64 i = place();
    if (i < length) store(to + i, from[i]);
}

#define EACH(T, S)                                                                                       \
    extern "C" __global__ void add_##S(const T *x, T *y, u64 length) { add(x, y, length); }              \
    extern "C" __global__ void bias_##S(const float *b, T *x, u64 length, u32 columns) {                 \
        bias(b, x, length, columns);                                                                     \
    }                                                                                                    \
    extern "C" __global__ void gate_##S(const T *x, T *y, u64 length, u32 width) {                       \
        gate(x, y, length, width);                                                                       \
    }                                                                                                    \
    extern "C" __global__ void gate_backward_##S(T *x, T *dy, u64 length, u32 width) {                   \
        gate_backward(x, dy, length, width);                                                             \
    }                                                                                                    \
    extern "C" __global__ void dropout_##S(const T *x, T *y, u64 length, u32 bound, float scale,         \
                                           u64 seed, u32 adds) {                                         \
        dropout(x, y, length, bound, scale, seed, adds);                                                 \
    }
EACH(float, f)
EACH(bf16, h)
#undef EACH
