"""The CUDA kernels on a machine without a GPU: do they compile, and do they compute what they should?

    python bench/lm/cuda_kernels.py KERNELS_FOLDER

1. NVRTC (PyPI `nvidia-cuda-nvrtc`; it needs no GPU) compiles each file for several generations.
2. g++ compiles the same text over `cuda_emulated.h`, which runs a block's threads in turn, and each
   operation is held against NumPy in float64, for f32 and bf16. That finds wrong indices, masks and
   sums; it says nothing of speed, nor of what only a GPU does (real concurrency, its own rounding).
"""

import ctypes
import glob
import os
import sys

import cuda_emulated

FILES = ["values", "rows", "optimiser", "head", "attention"]
GENERATIONS = ["compute_80", "compute_90", "compute_100"]


def nvrtc():
    """The compiler, from whichever wheel is installed."""
    import nvidia

    for folder in nvidia.__path__:
        for path in glob.glob(os.path.join(folder, "**", "libnvrtc.so*"), recursive=True):
            for builtins in glob.glob(os.path.join(os.path.dirname(path), "libnvrtc-builtins*")):
                ctypes.CDLL(builtins, mode=ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(path), os.path.basename(path)
    sys.exit("no libnvrtc: pip install nvidia-cuda-nvrtc")


def compiles(library, name, source, generation):
    """PTX of a file, or the compiler's words."""
    program = ctypes.c_void_p()
    text = source.encode()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text, name.encode(), 0, None, None) == 0
    options = (ctypes.c_char_p * 1)(f"--gpu-architecture={generation}".encode())
    failed = library.nvrtcCompileProgram(program, 1, options)
    size = ctypes.c_size_t()
    if failed:
        library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, log)
        return None, log.value.decode()
    library.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    library.nvrtcGetPTX(program, ptx)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return ptx.value.decode(), ""


def main():
    folder = sys.argv[1]

    def read(name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()

    common = read("common.cuh")
    library, path = nvrtc()
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    print(f"NVRTC {major.value}.{minor.value} ({path})")
    bad = 0
    for name in FILES:
        for generation in GENERATIONS:
            ptx, log = compiles(library, f"{name}.cu", common + read(f"{name}.cu"), generation)
            if ptx is None:
                bad += 1
                print(f"{name}.cu {generation}: FAILED\n{log}")
            else:
                print(f"{name}.cu {generation}: {ptx.count('.entry')} kernels")
    bad += cuda_emulated.check(folder, FILES)
    if bad:
        sys.exit(f"{bad} failures")


if __name__ == "__main__":
    main()
