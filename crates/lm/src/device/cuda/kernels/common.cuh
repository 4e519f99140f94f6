// What every kernel file begins with: the two types of values, and sums over a block of threads in a
// fixed order. No header is included, so that nothing of CUDA's has to be installed but NVRTC.

typedef unsigned int u32;
typedef unsigned long long u64;

// The upper half of an f32.
struct bf16 {
    unsigned short bits;
};

#define INFINITE __uint_as_float(0x7f800000u)
#define ALL 0xffffffffu

__device__ __forceinline__ float load(const float *from) { return *from; }

__device__ __forceinline__ float load(const bf16 *from) { return __uint_as_float((u32)from->bits << 16); }

__device__ __forceinline__ void store(float *to, float value) { *to = value; }

// To the nearest, ties to the even one; NaN stays NaN.
__device__ __forceinline__ void store(bf16 *to, float value) {
    const u32 bits = __float_as_uint(value);
    const bool number = (bits & 0x7fffffffu) <= 0x7f800000u;
    const u32 rounded = number ? bits + 0x7fffu + ((bits >> 16) & 1u) : bits | 0x400000u;
    to->bits = (unsigned short)(rounded >> 16);
}

// The value's number in a launch of one value a thread.
__device__ __forceinline__ u64 place() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

// Sum over a block of whole warps, the same bits in each thread.
template <typename V> __device__ V block_sum(V value) {
    __shared__ V parts[32];
    for (int step = 16; step > 0; step >>= 1) value += __shfl_xor_sync(ALL, value, step);
    // Someone may still read the sum before this one.
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    V sum = 0;
    for (u32 warp = 0; warp < blockDim.x / 32; warp++) sum += parts[warp];
    return sum;
}

// Greatest value of a block; NaN is passed over.
__device__ float block_max(float value) {
    __shared__ float parts[32];
    for (int step = 16; step > 0; step >>= 1) value = fmaxf(value, __shfl_xor_sync(ALL, value, step));
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    float most = parts[0];
    for (u32 warp = 1; warp < blockDim.x / 32; warp++) most = fmaxf(most, parts[warp]);
    return most;
}
