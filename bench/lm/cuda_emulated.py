"""The CUDA kernels' own text on the processor (`cuda_emulated.h`), each operation against NumPy in
float64. Arrays stand between guards of NaN, so that a read or write beyond an end is seen."""

import ctypes
import os
import re
import subprocess
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"u32": ctypes.c_uint32, "u64": ctypes.c_uint64, "float": ctypes.c_float, "double": ctypes.c_double}
GUARD = 64


def build(folder, files):
    """All kernels in a library, each behind `run_NAME(x, y, threads, shared, ...)`; and their types."""
    text = f'#include "{HERE}/cuda_emulated.h"\n'
    for name in ["common.cuh"] + [f"{file}.cu" for file in files]:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text += file.read().replace("extern __shared__ float4 room[];", "")
    out = tempfile.mkdtemp()
    source, library = os.path.join(out, "kernels.cpp"), os.path.join(out, "kernels.so")
    flat = subprocess.run(["g++", "-E", "-P", "-xc++", "-"], input=text, text=True, capture_output=True, check=True)
    signatures = re.findall(r'extern "C"\s+void (\w+)\(([^)]*)\)', flat.stdout)
    kinds = {}
    for name, parameters in signatures:
        parameters = [p.strip() for p in parameters.split(",")]
        names = ", ".join(re.findall(r"\w+$", p)[0] for p in parameters)
        kinds[name] = [ctypes.c_void_p if "*" in p else TYPES[p.split()[0]] for p in parameters]
        text += f'extern "C" void run_{name}(u32 gx, u32 gy, u32 n, u32 shared, {", ".join(parameters)}) {{\n'
        text += f"    launch(gx, gy, n, shared, [=] {{ {name}({names}); }});\n}}\n"
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    flags = ["-O1", "-shared", "-fPIC", "-std=c++17", "-w", "-ffp-contract=off"]
    subprocess.run(["g++", *flags, source, "-o", library], check=True)
    return ctypes.CDLL(library), kinds


def rounded(values):
    """The bits of bf16, to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def widened(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


class Device:
    """Kernels of one type of activation."""

    def __init__(self, library, kinds, letter):
        self.library, self.kinds, self.letter = library, kinds, letter
        self.random = np.random.default_rng(7)
        self.guarded = []

    def numbers(self, *shape, size=1.0):
        """Numbers in -size..size that both types hold exactly."""
        values = self.random.uniform(-size, size, shape).astype(np.float32)
        return widened(rounded(values)).reshape(shape).astype(np.float64)

    def guard(self, values, fill):
        whole = np.full(values.size + 2 * GUARD, fill, values.dtype)
        whole[GUARD:-GUARD] = values.ravel()
        self.guarded.append((whole, whole.copy()))
        return whole[GUARD:-GUARD].reshape(values.shape)

    def active(self, values):
        if self.letter == "f":
            return self.wide(values)
        return self.guard(rounded(values).reshape(values.shape), 0x7FC1)

    def wide(self, values):
        return self.guard(np.asarray(values, np.float32), np.nan)

    def words(self, values):
        return self.guard(np.asarray(values, np.uint32), 0)

    def get(self, array):
        return (widened(array) if array.dtype == np.uint16 else array).astype(np.float64).reshape(array.shape)

    def run(self, name, grid, *args, threads=256, shared=0):
        x, y = grid if isinstance(grid, tuple) else (grid, 1)
        kinds = self.kinds[name]
        assert len(kinds) == len(args), name
        call = getattr(self.library, f"run_{name}")
        call.argtypes = [ctypes.c_uint32] * 4 + kinds
        given = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in args]
        call(x, y, threads, shared, *given)
        for whole, before in self.guarded:
            ends = np.r_[whole[:GUARD], whole[-GUARD:]].tobytes()
            assert ends == np.r_[before[:GUARD], before[-GUARD:]].tobytes(), f"{name} writes beyond an end"

    def each(self, name, grid, *args, **rest):
        self.run(f"{name}_{self.letter}", grid, *args, **rest)


def error(library, kinds, letter, operation, backwards):
    """The greatest error of an operation, as a share of the greatest value."""
    library.turn_round(backwards)
    worst = 0.0
    for got, want in operation(Device(library, kinds, letter)):
        got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
        share = np.max(np.abs(got - want)) / max(np.max(np.abs(want)), 1e-2)
        worst = max(worst, share if np.isfinite(share) else np.inf)
    return worst


def check(folder, files):
    """Runs everything; the number of failures."""
    import cuda_operations

    library, kinds = build(folder, files)
    bad = 0
    for letter, kind in [("f", "f32"), ("h", "bf16")]:
        limit = 2e-5 if letter == "f" else 1.2e-2
        for operation in cuda_operations.ALL:
            worst = max(error(library, kinds, letter, operation, backwards) for backwards in [0, 1])
            bad += worst > limit
            print(f"emulated {kind:4} {operation.__name__:10} worst {worst:.1e} {'FAILED' if worst > limit else ''}")
    return bad
