// A GPU's blocks on one thread of the processor: each of a block's threads is a coroutine, and all of them
// run to the next barrier (or exchange within a warp, which is a barrier of the whole block here) in turn.
// Different barriers at once are an error, as is a write beyond the shared memory that was asked for.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <ucontext.h>
#include <vector>

#define __device__
#define __global__
#define __shared__ static
#define __forceinline__ inline

struct Place { unsigned x, y; };
static Place threadIdx, blockIdx, blockDim;
struct alignas(16) float4 { float x, y, z, w; };
static float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
template <typename T> static T min(T a, T b) { return b < a ? b : a; }
static float __uint_as_float(unsigned bits) { float v; memcpy(&v, &bits, 4); return v; }
static unsigned __float_as_uint(float value) { unsigned v; memcpy(&v, &value, 4); return v; }

static const unsigned ROOM = 1 << 18, STACK = 1 << 16;
alignas(16) static unsigned char memory[ROOM];
static float4 *room = (float4 *)memory;

static ucontext_t scheduler;
static std::vector<ucontext_t> threads;
static std::vector<std::vector<char>> stacks;
static std::vector<int> waits;  // -1: done; else which barrier
static std::function<void()> body;
static unsigned now;

static void pause(int barrier) {
    waits[now] = barrier;
    swapcontext(&threads[now], &scheduler);
}

static void __syncthreads() { pause(0); }

template <typename V> static V __shfl_xor_sync(unsigned, V value, int step) {
    static double slots[1024];
    memcpy(&slots[threadIdx.x], &value, sizeof value);
    pause(step);
    V other;
    memcpy(&other, &slots[threadIdx.x ^ step], sizeof other);
    pause(1000 + step);
    return other;
}

static void start() {
    body();
    waits[now] = -1;
    swapcontext(&threads[now], &scheduler);
}

static void block(unsigned count, unsigned shared) {
    memset(memory, 0xff, ROOM);  // NaN: nobody may count on zeros
    for (unsigned i = 0; i < count; i++) {
        getcontext(&threads[i]);
        threads[i].uc_stack.ss_sp = stacks[i].data();
        threads[i].uc_stack.ss_size = STACK;
        threads[i].uc_link = nullptr;
        makecontext(&threads[i], start, 0);
        waits[i] = 0;
    }
    for (bool alive = true; alive;) {
        alive = false;
        int barrier = -1;
        for (unsigned i = 0; i < count; i++) {
            if (waits[i] < 0) continue;
            now = i;
            threadIdx.x = i;
            swapcontext(&scheduler, &threads[i]);
            if (waits[i] < 0) continue;
            if (alive && barrier != waits[i]) {
                fprintf(stderr, "threads of a block wait at different barriers\n");
                abort();
            }
            alive = true;
            barrier = waits[i];
        }
    }
    for (unsigned i = shared; i < ROOM; i++) {
        if (memory[i] != 0xff) {
            fprintf(stderr, "a write beyond %u bytes of shared memory\n", shared);
            abort();
        }
    }
}

static void launch(unsigned x, unsigned y, unsigned count, unsigned shared, std::function<void()> kernel) {
    body = kernel;
    threads.resize(count);
    waits.resize(count);
    while (stacks.size() < count) stacks.emplace_back(STACK);
    blockDim = {count, 1};
    for (unsigned j = 0; j < y; j++)
        for (unsigned i = 0; i < x; i++) {
            blockIdx = {i, j};
            block(count, shared);
        }
}
