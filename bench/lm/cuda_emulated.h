// A GPU's blocks on one thread of the processor: each of a block's threads is a coroutine, and all of them
// run in turn, warp by warp to the block's next barrier, first to last or last to first: where a barrier is
// missing, one of the two gives other numbers. Different barriers in a warp at once are an error, as is a
// write beyond the shared memory that was asked for.

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
static bool backwards;

extern "C" {
void turn_round(unsigned yes) { backwards = yes; }
}

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

// Runs the threads of a warp to their next pause: which one, or -1 where all are done.
static int together(unsigned first, unsigned end) {
    int barrier = -1;
    for (unsigned turn = first; turn < end; turn++) {
        const unsigned i = backwards ? end - 1 - (turn - first) : turn;
        if (waits[i] < 0) continue;
        now = i;
        threadIdx.x = i;
        swapcontext(&scheduler, &threads[i]);
        if (waits[i] < 0) continue;
        if (barrier >= 0 && barrier != waits[i]) {
            fprintf(stderr, "threads of a warp wait at different barriers\n");
            abort();
        }
        barrier = waits[i];
    }
    return barrier;
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
    // Each warp runs alone until it is at a barrier of the block.
    const unsigned warps = (count + 31) / 32;
    for (bool alive = true; alive;) {
        alive = false;
        for (unsigned turn = 0; turn < warps; turn++) {
            const unsigned warp = backwards ? warps - 1 - turn : turn;
            int barrier;
            while ((barrier = together(32 * warp, count < 32 * warp + 32 ? count : 32 * warp + 32)) > 0) {}
            alive = alive || barrier == 0;
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
