"""Each operation of the CUDA device, as `device.rs` calls its kernels, and its definition in float64.
A function yields pairs of what came out and what should."""

import numpy as np


def blocks(values):
    return -(-values // 256)


def adding(d):
    x, y = d.numbers(700), d.numbers(700)
    there = d.active(y)
    d.each("add", 3, d.active(x), there, 699)
    want = y + x
    want[699] = y[699]
    yield d.get(there), want
    bias, x = d.numbers(5), d.numbers(60, 5)
    there = d.active(x)
    d.each("bias", 2, d.wide(bias), there, 300, 5)
    yield d.get(there), x + bias


def gates(d):
    rows, width = 13, 21
    x, dy = d.numbers(rows, 2 * width, size=6), d.numbers(rows, width)
    g, u = x[:, :width], x[:, width:]
    s = 1 / (1 + np.exp(-g))
    there, y, slopes = d.active(x), d.active(0 * dy), d.active(dy)
    d.each("gate", 2, there, y, rows * width, width)
    yield d.get(y), g * s * u
    d.each("gate_backward", 2, there, slopes, rows * width, width)
    yield d.get(slopes), g * s * u
    yield d.get(there), np.concatenate([dy * u * (s + g * s * (1 - s)), dy * g * s], axis=1)
    x = np.array([[-1e4, 1e4, -90, 90, 2, 2, 2, 2.0]])
    there, slopes = d.active(x), d.active(np.ones((1, 4)))
    d.each("gate_backward", 1, there, slopes, 4, 4)
    assert np.isfinite(d.get(there)).all() and np.isfinite(d.get(slopes)).all()


def mix(x):
    x = np.uint32(x)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def dropout(d):
    count, seed, p = 1000, (5 << 32) + 9, 0.25
    x, y = d.numbers(count), d.numbers(count)
    index = np.arange(count, dtype=np.uint32)
    with np.errstate(over="ignore"):
        hashes = mix(mix(index ^ np.uint32(9)) ^ np.uint32(0) ^ np.uint32(5))
    bound = int(p * 2**32)
    kept = np.where(hashes < bound, 0.0, x / (1 - p))
    for adds in [0, 1]:
        there = d.active(y)
        d.each("dropout", blocks(count), d.active(x), there, count, bound, 1 / (1 - p), seed, adds)
        yield d.get(there), kept + adds * y


def norms(d):
    for rows, width in [(70, 37), (3, 896), (1, 300)]:
        x, w, dy, dx = d.numbers(rows, width), d.numbers(width), d.numbers(rows, width), d.numbers(rows, width)
        s = 1 / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)
        there, weight, y = d.active(x), d.wide(w), d.active(0 * x)
        d.each("norm", rows, there, weight, 1e-5, y, width)
        yield d.get(y), x * s * w
        slopes, out, scales = d.active(dy), d.active(dx), d.wide(np.zeros(rows))
        d.each("norm_backward", rows, there, weight, 1e-5, slopes, out, scales, width)
        g = dy * w
        yield d.get(out), dx + s * g - s**3 * x * (g * x).mean(1, keepdims=True)
        pieces = -(-rows // 64)
        partial, dw = d.wide(np.zeros((pieces, width))), d.wide(np.ones(width))
        d.each("norm_weights", (blocks(width), pieces), slopes, there, scales, partial, rows, width)
        d.run("fold", blocks(width), partial, dw, pieces, width)
        yield d.get(dw), 1 + (dy * x * s).sum(0)
        bias = d.wide(2 * np.ones(width))
        d.each("column_sums", (blocks(width), pieces), slopes, partial, rows, width)
        d.run("fold", blocks(width), partial, bias, pieces, width)
        yield d.get(bias), 2 + dy.sum(0)


def tables(d):
    width, ids = 300, np.array([3, 0, 3, 6, 0, 3])
    table, dtable = d.numbers(7, width), d.numbers(7, width)
    out = d.active(np.zeros((len(ids), width)))
    d.each("embed", len(ids), d.active(table), d.words(ids), out, width)
    yield d.get(out), table[ids]
    order = np.argsort(ids, kind="stable")
    different, starts = np.unique(ids[order], return_index=True)
    starts = np.append(starts, len(ids))
    want = dtable.copy()
    np.add.at(want, ids, table[ids])
    for name, to in [("scatter_ff", d.wide), ("scatter_hf", d.wide), ("scatter_hh", d.active)]:
        if name[8] != d.letter:
            continue
        there = to(dtable)
        d.run(name, len(different), out, d.words(different), d.words(starts), d.words(order), there, width)
        yield d.get(there), want


def rotations(d):
    query, kept, width, lengths = 3, 1, 8, [37, 3]
    positions = np.concatenate([np.arange(n) for n in lengths])
    rows, columns, half = len(positions), (query + 2 * kept) * width, width // 2
    angle = positions[:, None] * 1e4 ** (-2 * np.arange(half) / width)
    table = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    longest = np.argmax(lengths)
    assert longest == 0
    x = d.numbers(rows, columns)
    for interleaved in [0, 1]:
        one = np.arange(half) * (2 if interleaved else 1)
        two = one + (1 if interleaved else half)
        for sign in [1.0, -1.0]:
            there = d.active(x)
            pairs = rows * (query + kept) * half
            d.each("rope", blocks(pairs), there, d.words(positions), d.wide(table[: lengths[0]]), pairs,
                   query + kept, width, columns, interleaved, sign)
            want = x.copy().reshape(rows, -1, width)
            turned = want[:, : query + kept]
            a, b = turned[..., one].copy(), turned[..., two].copy()
            cosine, sine = np.cos(angle)[:, None], sign * np.sin(angle)[:, None]
            turned[..., one], turned[..., two] = a * cosine - b * sine, a * sine + b * cosine
            yield d.get(there), want.reshape(rows, columns)


def optimiser(d):
    count = 700
    w, m, v = d.numbers(count), np.zeros(count), np.zeros(count)
    value, copy, first, second = d.wide(w), d.active(w), d.wide(m), d.wide(v)
    beta1, beta2, rate, epsilon, decay = 0.9, 0.99, 1e-2, 1e-8, 0.1
    for step in range(1, 4):
        g = d.numbers(count)
        head = [value] + ([copy] if d.letter == "h" else [])
        c1, c2 = 1 - beta1**step, 1 - beta2**step
        d.each("adam", blocks(count), *head, d.wide(g), first, second, count, 0.5, beta1, beta2, rate / c1,
               c2**-0.5, epsilon, 1 - rate * decay)
        g = g * 0.5
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - rate * (m / c1 / (np.sqrt(v / c2) + epsilon) + decay * w)
        yield value, w
        if d.letter == "h":
            yield d.get(copy), w
    x = d.numbers(2000)
    pieces = d.guard(np.zeros(2), np.nan)
    d.each("squares", 2, d.active(x), pieces, 2000, 1024)
    yield pieces, [(x[:1024] ** 2).sum(), (x[1024:] ** 2).sum()]
    bits = d.guard(np.zeros(700, np.uint16), 0)
    d.run("narrow", 3, d.wide(w), bits, 700)
    from cuda_emulated import rounded
    yield bits, rounded(np.asarray(w, np.float32))


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def losses(d):
    rows, count = 3, 2100
    x, teacher = d.numbers(rows, count, size=4), d.numbers(rows, count, size=4)
    x[2, 5] = 60.0
    ids, weights = np.array([7, 2099, 4]), np.array([0.5, 2.0, 0.0])

    def call(name, logits, other, *last, t):
        values, flags = d.guard(np.zeros(rows), np.nan), d.words(np.zeros(rows))
        d.each(name, rows, logits, other, d.wide(weights), values, flags, count, 1 / t, t * t, t, *last, threads=1024)
        return values, flags

    for t in [1.0, 2.0]:
        q, p = softmax(x / t), softmax(teacher / t)
        log_q, log_p = np.log(q), np.log(p)
        there = d.active(x)
        values, flags = call("token", there, d.words(ids), t=t)
        yield values, -log_q[range(rows), ids] * t * t
        assert not flags.any()
        yield d.get(there), (q - np.eye(count)[ids]) * t * weights[:, None]
        for reverse in [0, 1]:
            there = d.active(x)
            values, flags = call("divergence", there, d.active(teacher), reverse, t=t)
            want = (q * (log_q - log_p)).sum(1) if reverse else (p * (log_p - log_q)).sum(1)
            yield values, want * t * t
            slope = q * (log_q - log_p - want[:, None]) if reverse else q - p
            # The extreme row is near saturation, which the reverse divergence may say (2).
            assert list(flags[:2]) == [0, 0] and flags[2] in [0, 2 * reverse], flags
            yield d.get(there), slope * t * weights[:, None]
    scores = d.wide(np.zeros(rows))
    d.each("score", rows, d.active(x), d.words(ids), scores, count, threads=1024)
    yield scores, np.log(softmax(x))[range(rows), ids]
    wrong = x.copy()
    wrong[1, 9] = np.nan if d.letter == "f" else np.inf
    for name, other, last in [("token", d.words(ids), []), ("divergence", d.active(teacher), [1])]:
        there = d.active(wrong)
        values, flags = call(name, there, other, *last, t=1.0)
        assert list(flags[:2]) == [0, 1], flags
        assert np.array_equal(d.get(there)[1], wrong[1], equal_nan=True)


def attention(d):
    shapes = [(4, 2, 8, [5, 1, 70]), (3, 1, 6, [50, 49]), (2, 2, 40, [33, 12]), (2, 1, 64, [40]),
              (2, 1, 128, [65]), (3, 3, 100, [7, 34])]
    for query, kept, width, lengths in shapes:
        yield from attend(d, query, kept, width, lengths)


def attend(d, query, kept, width, lengths):
    ends = np.cumsum(lengths)
    rows, columns = ends[-1], (query + 2 * kept) * width
    x, dout = d.numbers(rows, columns, size=1.5), d.numbers(rows, query * width)
    tiles = [[first, min(32, end - first), end - n, end]
             for end, n in zip(ends, lengths) for first in range(end - n, end, 32)]
    want, norms, slopes = np.zeros((rows, query, width)), np.zeros((rows, query)), np.zeros_like(x)
    heads, dheads = x.reshape(rows, -1, width), slopes.reshape(rows, -1, width)
    slope = dout.reshape(rows, query, width)
    scale = width**-0.5
    for end, n in zip(ends, lengths):
        own = slice(end - n, end)
        for h in range(query):
            key = query + h // (query // kept)
            q, k, v = heads[own, h], heads[own, key], heads[own, key + kept]
            s = np.where(np.tril(np.ones((n, n))) > 0, q @ k.T * scale, -np.inf)
            norms[own, h] = np.log(np.exp(s).sum(1))
            p = softmax(s)
            want[own, h] = p @ v
            dp = slope[own, h] @ v.T
            ds = p * (dp - (dp * p).sum(1, keepdims=True)) * scale
            dheads[own, h] = ds @ k
            dheads[own, key] += ds.T @ q
            dheads[own, key + kept] += p.T @ slope[own, h]
    wide = 64 if width <= 64 else 128
    name, tail = f"{d.letter}{wide}", (query, kept, width, scale)
    tile, count = 32 * (wide + 4), len(tiles)
    there, out, sums = d.active(x), d.active(np.zeros((rows, query * width))), d.wide(np.zeros((rows, query)))
    d.run(f"attention_{name}", (count, query), d.words(tiles), there, out, sums, *tail, threads=128,
          shared=4 * (2 * tile + 32 * 33))
    yield d.get(out), want.reshape(rows, -1)
    yield sums, norms
    deltas, dx, dy = d.wide(np.zeros((rows, query))), d.active(np.full_like(x, 9.0)), d.active(dout)
    d.each("delta", blocks(rows * query * 32), out, dy, deltas, rows * query, width)
    args = (d.words(tiles), there, sums, deltas, dy, dx, *tail)
    d.run(f"backward_queries_{name}", (count, query), *args, threads=128, shared=4 * (4 * tile + 32 * 33))
    d.run(f"backward_keys_{name}", (count, kept), *args, threads=128,
          shared=4 * (4 * tile + 2 * 32 * 33 + 64))
    yield d.get(dx), slopes


ALL = [adding, gates, dropout, norms, tables, rotations, optimiser, losses, attention]
