// The optimiser: AdamW in one pass, and sums of squares. One thread a value, or one block a piece.

// rate and root hold the corrections for the first steps; kept is 1 - rate * decay.
__device__ __forceinline__ float adam(float w, float g, float *m, float *v, float beta1, float beta2,
                                      float rate, float root, float epsilon, float kept) {
    *m = beta1 * *m + (1.0f - beta1) * g;
    *v = beta2 * *v + (1.0f - beta2) * g * g;
    return w * kept - rate * (*m / (sqrtf(*v) * root + epsilon));
}

extern "C" __global__ void adam_f(float *w, const float *g, float *m, float *v, u64 length, float scale,
                                  float beta1, float beta2, float rate, float root, float epsilon,
                                  float kept) {
    const u64 i = place();
    if (i < length) w[i] = adam(w[i], g[i] * scale, m + i, v + i, beta1, beta2, rate, root, epsilon, kept);
}

// The same; the shorter copy for the products follows.
extern "C" __global__ void adam_h(float *w, bf16 *copy, const float *g, float *m, float *v, u64 length,
                                  float scale, float beta1, float beta2, float rate, float root,
                                  float epsilon, float kept) {
    const u64 i = place();
    if (i >= length) return;
    w[i] = adam(w[i], g[i] * scale, m + i, v + i, beta1, beta2, rate, root, epsilon, kept);
    store(copy + i, w[i]);
}

// One block a piece of so many values; the host adds the pieces up in order.
template <typename T> __device__ void squares(const T *x, double *pieces, u64 length, u32 piece) {
    const u64 first = (u64)blockIdx.x * piece, last = min(first + piece, length);
    double sum = 0.0;
    for (u64 i = first + threadIdx.x; i < last; i += blockDim.x) sum += (double)load(x + i) * load(x + i);
    sum = block_sum(sum);
    if (threadIdx.x == 0) pieces[blockIdx.x] = sum;
}

extern "C" __global__ void squares_f(const float *x, double *pieces, u64 length, u32 piece) {
    squares(x, pieces, length, piece);
}

extern "C" __global__ void squares_h(const bf16 *x, double *pieces, u64 length, u32 piece) {
    squares(x, pieces, length, piece);
}
