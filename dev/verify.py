#!/usr/bin/env python3
"""Checks a ledger without any of its code: links, commitments, markers, signed heads.

    pip install blake3 cryptography
    python3 dev/verify.py LEDGER_FOLDER [HEADS_FILE]

Written from docs/reference/ledger-format.md alone. For a ledger (`ledger` in the data folder) that
no server is writing; it does not look into the vault. Prints what it found; exits with 1 where
something is wrong.
"""

import pathlib
import sqlite3
import struct
import sys

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GONE = 0xFFFFFFFF


def digest(domain, *parts):
    return blake3(domain.encode().ljust(24, b"\0") + b"".join(parts)).digest()


def ranges(data):
    numbers = struct.unpack(f"<{len(data) // 8}Q", data)
    return list(zip(numbers[::2], numbers[1::2]))


def allows(marker, seq, kind, time):
    """Whether a marker lets the payload of such an entry be missing."""
    at, what, data = marker
    if seq >= at or kind < 16:
        return False
    if what == 3:
        return any(first <= seq <= last for first, last in ranges(data))
    before, first, last, count = struct.unpack_from("<QQQQ", data)
    kinds = struct.unpack_from(f"<{count}H", data, 32)
    pinned = ranges(data[32 + 2 * count :])
    held = any(a <= seq <= b for a, b in pinned)
    return first <= seq <= last and time < before and kind in kinds and not held


def stored(db):
    """Every entry of the store: header, and salt with payload or None."""
    for headers, payloads in db.execute("select headers, payloads from block order by first_seq"):
        at = 0
        for start in range(0, len(headers), 104):
            body = None
            if payloads is not None:
                (size,) = struct.unpack_from("<I", payloads, at)
                at += 4
                if size != GONE:
                    body = payloads[at : at + 16 + size]
                    at += 16 + size
            yield headers[start : start + 104], body
        if payloads is not None and at != len(payloads):
            raise SystemExit("a block's payloads do not add up")


def journaled(folder):
    """Every entry of the journal: header, and salt with payload."""
    for path in sorted(folder.glob("*.log")):
        data = path.read_bytes()
        if not any(data) or data[:72] == b"SHJRNL00 free".ljust(72, b"\0"):
            continue
        reused = data[:8] == b"SHJRNL02"
        if not (reused or data[:8] == b"SHJRNL01") or digest("stillhouse.segment.v1", data[:64])[:8] != data[64:72]:
            raise SystemExit(f"{path}: its header was changed")
        at = 72
        while at + 16 <= len(data) and any(data[at : at + 16]):
            (size,) = struct.unpack_from("<I", data, at)
            header, body = data[at + 16 : at + 120], data[at + 120 : at + 16 + size]
            check = digest("stillhouse.entry.v1", header)[:8]
            mixed = bytes(a ^ b for a, b in zip(check, data[at : at + 8]))
            if size < 120 or len(body) != size - 104 or mixed != data[at + 8 : at + 16]:
                raise SystemExit(f"{path} at {at}: no whole frame")
            yield header, body
            at += 16 + size
        # In a segment that was used before, remains of folded entries stand there.
        if not reused and any(data[at:]):
            raise SystemExit(f"{path} at {at}: something stands behind the last entry")


def main(folder, heads_file):
    bad = []
    public = bytes.fromhex((folder / "signing.pub").read_text().strip())
    chain = digest("stillhouse.chain.v1", public)[:16]
    key = Ed25519PublicKey.from_public_bytes(public)
    db = sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
    entries = list(stored(db))
    for header, body in journaled(folder / "journal"):
        (seq,) = struct.unpack_from("<Q", header, 8)
        if seq <= len(entries):
            if entries[seq - 1][0] != header:
                bad.append((seq, "journal and store hold different entries"))
        else:
            entries.append((header, body))
    markers = []
    for header, body in entries:
        kind, seq = struct.unpack_from("<H", header, 2)[0], struct.unpack_from("<Q", header, 8)[0]
        if kind in (2, 3) and body:
            markers.append((seq, kind, body[16:]))

    def signed(head):
        try:
            key.verify(head[64:], b"stillhouse.head.v1".ljust(24, b"\0") + head[:64])
        except InvalidSignature:
            return False
        return True

    prev, last, gone, hashes = digest("stillhouse.start.v1", chain), 0, 0, [None]
    for number, (header, body) in enumerate(entries, 1):
        fmt, zero, kind, _version, zeros, seq, time = struct.unpack_from("<BBHHHQQ", header)
        if (fmt, zero, zeros, header[24:40]) != (1, 0, 0, chain) or seq != number or time < last:
            bad.append((number, "format, chain, position or time"))
        if header[40:72] != prev:
            bad.append((number, "it and the entry before it do not fit together"))
        if body is None:
            gone += 1
            if not any(allows(marker, number, kind, time) for marker in markers):
                bad.append((number, "its payload is missing and no entry says why"))
        elif digest("stillhouse.payload.v1", body) != header[72:]:
            bad.append((number, "its payload is not what its header commits to"))
        elif kind == 1:
            head = body[16:]
            expected = chain + struct.pack("<Q", number - 1) + header[40:72]
            if len(head) != 128 or head[:56] != expected or not signed(head):
                bad.append((number, "the head in it"))
        prev, last = digest("stillhouse.entry.v1", header), time
        hashes.append(prev)

    attested = 0
    for line in heads_file.read_text().splitlines():
        name, where, seq, value, time, signature = line.split(" ")
        head = bytes.fromhex(where) + struct.pack("<Q", int(seq)) + bytes.fromhex(value)
        head += struct.pack("<Q", int(time)) + bytes.fromhex(signature)
        if name != "stillhouse-head-1" or head[:16] != chain or not signed(head):
            bad.append((0, f"a line of the heads file: {line[:60]}"))
        elif int(seq) >= len(hashes):
            bad.append((len(hashes), f"cut off: a head attests entry {seq}"))
        elif hashes[int(seq)] != bytes.fromhex(value):
            bad.append((int(seq), "a head attests another entry here"))
        attested = max(attested, int(seq))

    count = len(entries)
    print(f"chain {chain.hex()}: {count} entries, {gone} payloads gone, {len(markers)} markers")
    print(f"attested up to {attested}, {max(count - attested, 0)} entries behind")
    for seq, what in sorted(bad)[:20]:
        print(f"entry {seq}: {what}")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    root = pathlib.Path(sys.argv[1])
    sys.exit(main(root, pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else root / "heads.log"))
