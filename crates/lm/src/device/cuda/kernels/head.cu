// Losses at the end of the network, one block a row of logits, in place; and scores. What is not finite
// is left as it is and marked, for the host's function of rows. Suffix f: logits are f32; h: bf16.

#define REDO 1u
#define SATURATED 2u
// A gradient below this share of the loss counts as vanished, as in `loss`.
#define VANISHED 1e-9

// Greatest scaled logit, and the sum of exponentials above it.
struct Norm {
    float most;
    float sum;
};

template <typename T> __device__ Norm norm_of(const T *row, u32 count, float scale) {
    float most = -3.0e38f, sum = 0.0f;
    for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
        const float x = load(row + i) * scale;
        if (x > most) {
            sum = sum * expf(most - x) + 1.0f;
            most = x;
        } else {
            sum += expf(x - most);
        }
    }
    Norm norm;
    norm.most = block_max(most);
    norm.sum = block_sum(sum * expf(most - norm.most));
    return norm;
}

template <typename T> __device__ bool all_finite(const T *row, u32 count) {
    float wrong = 0.0f;
    for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
        if (!(fabsf(load(row + i)) < INFINITE)) wrong = 1.0f;
    }
    return block_max(wrong) == 0.0f;
}

// Cross-entropy on one token: logits become slope weight (q - [i = token]).
template <typename T>
__device__ void token(T *logits, const u32 *ids, const float *weights, double *values, u32 *flags,
                      u32 count, float scale, double factor, float slope) {
    T *row = logits + (u64)blockIdx.x * count;
    const u32 own = ids[blockIdx.x];
    const Norm norm = norm_of(row, count, scale);
    const double sum = log((double)norm.sum);
    const double value = sum + ((double)norm.most - (double)load(row + own) * scale);
    const bool finite = fabs(value) < 1e300;
    // All threads have read their token's logit before anyone writes.
    __syncthreads();
    if (threadIdx.x == 0) {
        values[blockIdx.x] = value * factor;
        flags[blockIdx.x] = finite ? 0u : REDO;
    }
    if (!finite) return;
    slope *= weights[blockIdx.x];
    for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
        const float q = expf(load(row + i) * scale - norm.most - (float)sum);
        store(row + i, (q - (i == own ? 1.0f : 0.0f)) * slope);
    }
}

// KL(P|Q), or KL(Q|P) where it is reverse, from a teacher's logits.
template <typename T>
__device__ void divergence(T *logits, const T *teacher, const float *weights, double *values,
                           u32 *flags, u32 count, float scale, double factor, float slope, u32 reverse) {
    T *mine = logits + (u64)blockIdx.x * count;
    const T *theirs = teacher + (u64)blockIdx.x * count;
    const bool finite = all_finite(mine, count) && all_finite(theirs, count);
    if (threadIdx.x == 0) flags[blockIdx.x] = finite ? 0u : REDO;
    if (!finite) return;
    const Norm one = norm_of(mine, count, scale), two = norm_of(theirs, count, scale);
    const float low = logf(one.sum), high = logf(two.sum);
    double part = 0.0;
    for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
        const float q = load(mine + i) * scale - one.most - low;
        const float p = load(theirs + i) * scale - two.most - high;
        part += reverse ? expf(q) * (q - p) : expf(p) * (p - q);
    }
    const double value = block_sum(part);
    slope *= weights[blockIdx.x];
    double size = 0.0;
    for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
        const float q = load(mine + i) * scale - one.most - low;
        const float p = load(theirs + i) * scale - two.most - high;
        const float g = reverse ? expf(q) * (q - p - (float)value) : expf(q) - expf(p);
        size += fabsf(g);
        store(mine + i, g * slope);
    }
    size = block_sum(size);
    if (threadIdx.x == 0) {
        values[blockIdx.x] = value * factor;
        if (value > VANISHED && size < VANISHED * value) flags[blockIdx.x] = SATURATED;
    }
}

// ln softmax(row)[id].
template <typename T> __device__ void score(const T *logits, const u32 *ids, float *values, u32 count) {
    const T *row = logits + (u64)blockIdx.x * count;
    const Norm norm = norm_of(row, count, 1.0f);
    if (threadIdx.x == 0) {
        const double own = load(row + ids[blockIdx.x]);
        values[blockIdx.x] = (float)(own - norm.most - log((double)norm.sum));
    }
}

#define EACH(T, S)                                                                                       \
    extern "C" __global__ void token_##S(T *logits, const u32 *ids, const float *weights,                \
                                         double *values, u32 *flags, u32 count, float scale,             \
                                         double factor, float slope) {                                   \
        token(logits, ids, weights, values, flags, count, scale, factor, slope);                         \
    }                                                                                                    \
    extern "C" __global__ void divergence_##S(T *logits, const T *teacher, const float *weights,         \
                                              double *values, u32 *flags, u32 count, float scale,        \
                                              double factor, float slope, u32 reverse) {                 \
        divergence(logits, teacher, weights, values, flags, count, scale, factor, slope, reverse);       \
    }                                                                                                    \
    extern "C" __global__ void score_##S(const T *logits, const u32 *ids, float *values, u32 count) {    \
        score(logits, ids, values, count);                                                               \
    }
EACH(float, f)
EACH(bf16, h)
#undef EACH
