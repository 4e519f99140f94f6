#!/usr/bin/env python3
"""Tables (Markdown) from the JSON lines that run.py wrote: medians with (min–max) over repetitions.
   ./summarise.py results/*.jsonl"""
import json, statistics as st, sys
R = {}
ORDER = []
for f in sys.argv[1:]:
    for l in open(f):
        j = json.loads(l)
        if j["name"] not in ORDER:
            ORDER.append(j["name"])
        R.setdefault((j["name"], j["phase"], j["place"]), []).append(j)


PREF = ("direct floor-epoll stillhouse rust-hyper rust-hyper-full-lazy rust-hyper-full rust-actix-awc rust-ntex rust-pingora rust-axum-reqwest nginx-plain "
        "nginx-auth haproxy-auth envoy-plain envoy-auth tensorzero ferrogw portkey unmimic litellm").split()
ORDER.sort(key=lambda n: PREF.index(n) if n in PREF else 99)


def vals(n, ph, pl, fn):
    out = []
    for j in R.get((n, ph, pl), []):
        if j.get("skipped"):
            continue
        if ph not in ("start",) and not j.get("ok"):
            continue
        try:
            v = fn(j)
        except (KeyError, TypeError):
            v = None
        if v is not None:
            out.append(v)
    return out


def fm(v, d=0):
    if not v:
        return "–"
    m = st.median(v)
    f = lambda x: f"{x:,.{d}f}"
    return f(m) + (f" ({f(min(v))}–{f(max(v))})" if len(v) > 1 else "")


def table(title, cols, rows):
    print(f"\n### {title}\n\n| gateway | " + " | ".join(c for c, _ in cols) + " |\n|---|" + "---:|" * len(cols))
    for n in rows:
        print(f"| {n} | " + " | ".join(fn(n) for _, fn in cols) + " |")


def lat(ph, q):
    base = vals("direct", ph, "pin", lambda j: j["lat_us"][q])
    b = st.median(base) if base else 0
    return lambda n: fm([x - (b if n != "direct" else 0) for x in vals(n, ph, "pin", lambda j: j["lat_us"][q])])


def slope(n):
    a = vals(n, "sse10", "pin", lambda j: j["gw_cpu_us_per_req"])
    b = vals(n, "sse110", "pin", lambda j: j["gw_cpu_us_per_req"])
    return [(y - x) / 100 for x, y in zip(a, b)]


def over(ph, key, q):
    base = vals("direct", ph, "pin", lambda j: j[key][q])
    b = st.median(base) if base else 0
    return lambda n: fm([x - (b if n != "direct" else 0) for x in vals(n, ph, "pin", lambda j: j[key][q])])


table("Non-streaming: throughput and CPU", [
    ("RPS, gateway alone on core 0", lambda n: fm(vals(n, "sat", "pin", lambda j: j["rps"]))),
    ("CPU µs/request at saturation", lambda n: fm(vals(n, "sat", "pin", lambda j: j["gw_cpu_us_per_req"]), 1)),
    ("best", lambda n: (lambda v: f"{min(v):,.1f}" if v else "–")(vals(n, "sat", "pin", lambda j: j["gw_cpu_us_per_req"]))),
    ("CPU index: gateway ÷ (mock+load), same run", lambda n: fm(vals(n, "sat", "pin", lambda j: j["gw_util"] / (j["mock_util"] + j["load_util"])), 2)),
    ("of it user / sys (ticks)", lambda n: fm(vals(n, "sat", "pin", lambda j: j["gw_tick_user_us_per_req"])).split(" ")[0] + " / " + fm(vals(n, "sat", "pin", lambda j: j["gw_tick_sys_us_per_req"])).split(" ")[0]),
    ("gateway core use", lambda n: fm(vals(n, "sat", "pin", lambda j: j["gw_util"]), 2).split(" ")[0]),
    ("mock+load core use", lambda n: fm(vals(n, "sat", "pin", lambda j: j["mock_util"] + j["load_util"]), 2).split(" ")[0]),
    ("RPS, unpinned, 2 cores shared", lambda n: fm(vals(n, "sat", "free", lambda j: j["rps"]))),
    ("CPU µs/request, 1000 rps", lambda n: fm(vals(n, "rate1000", "pin", lambda j: j["gw_cpu_us_per_req"]), 1)),
    ("CPU µs/request, 200 rps", lambda n: fm(vals(n, "rate200", "pin", lambda j: j["gw_cpu_us_per_req"]), 1)),
], ORDER)
for ph in ("rate200", "rate1000", "rate50"):
    if any(k[1] == ph for k in R):
        ab = lambda q, ph=ph: (lambda n: fm(vals(n, ph, "pin", lambda j: j["lat_us"][q])))
        table(f"Added latency, {ph[4:]} requests/s, µs over direct (row direct, p99.9 and max: absolute)", [
            ("p50", lat(ph, "p50")), ("p99", lat(ph, "p99")), ("p99.9 absolute", ab("p999")), ("max absolute", ab("max")),
        ], [n for n in ORDER if vals(n, ph, "pin", lambda j: j["rps"]) ])
if any(k[1] == "c1" for k in R):
    table("Added latency, one client in a closed loop, µs over direct (row direct: absolute)", [
        ("p50", lat("c1", "p50")), ("p99", lat("c1", "p99")), ("p99.9 absolute", lambda n: fm(vals(n, "c1", "pin", lambda j: j["lat_us"]["p999"]))),
        ("requests/s", lambda n: fm(vals(n, "c1", "pin", lambda j: j["rps"]))),
    ], ORDER)
table("Streaming (SSE)", [
    ("CPU µs per chunk (slope 10→110 chunks, 5 ms apart)", lambda n: fm(slope(n), 1)),
    ("CPU µs per stream of 10", lambda n: fm(vals(n, "sse10", "pin", lambda j: j["gw_cpu_us_per_req"]))),
    ("added time to first byte p50, µs", over("sse110", "ttfb_us", "p50")),
    ("added delay per chunk p50, µs", over("sse110", "chunk_delay_us", "p50")),
    ("p99", over("sse110", "chunk_delay_us", "p99")),
    ("added TTFT, one client, p50, µs", over("ttft1", "ttfb_us", "p50")),
    ("p99 ", over("ttft1", "ttfb_us", "p99")),
    ("chunks/s (paced)", lambda n: fm(vals(n, "sse110", "pin", lambda j: j["chunks_per_s"]))),
    ("chunks/s, no pacing", lambda n: fm(vals(n, "sse50x0", "pin", lambda j: j["chunks_per_s"]))),
    ("CPU µs/chunk, no pacing", lambda n: fm(vals(n, "sse50x0", "pin", lambda j: j["gw_cpu_us_per_chunk"]), 2)),
], ORDER)
table("Start-up and memory", [
    ("start to first 200, s", lambda n: fm(vals(n, "start", "pin", lambda j: j["start_s"]), 3)),
    ("RSS idle, MiB", lambda n: fm([x / 1024 for x in vals(n, "start", "pin", lambda j: j["idle_rss_kb"])], 1)),
    ("RSS after saturation, MiB", lambda n: fm([x / 1024 for x in vals(n, "sat", "pin", lambda j: j["rss_kb"])], 1)),
    ("processes / threads", lambda n: fm(vals(n, "sat", "pin", lambda j: j["procs"])).split(" ")[0] + " / " + fm(vals(n, "sat", "pin", lambda j: j["threads"])).split(" ")[0]),
], [n for n in ORDER if n != "direct"])
bad = [(k, j.get("bad"), j.get("cut")) for k, v in R.items() for j in v if j.get("bad") or j.get("cut")]
print("\nFailed or cut requests:", bad or "none")
sk = [(k[0], k[1], j["skipped"]) for k, v in R.items() for j in v if j.get("skipped")]
print("\nSkipped:", sk or "none")
