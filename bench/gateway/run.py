#!/usr/bin/env python3
"""Runs gateways one at a time between gwload and gwmock, all on 127.0.0.1, and appends JSON lines.

  GW_BIN=<folder with gwmock, gwload, gwfloor, px-*>  ./run.py --out results/run.jsonl [--reps 3] [--quick] NAME...
  ./run.py --list
Other programs are found through PATH or through the environment variables named in ANCHORS.
Only processes started here are ended, by pid. Every phase is bounded in time.
"""
import json, os, signal, subprocess, sys, tempfile, time, urllib.request, shutil

HERE = os.path.dirname(os.path.abspath(__file__))
CONF = os.path.join(HERE, "conf")
BIN = os.environ.get("GW_BIN", os.path.join(HERE, "kit", "target", "release"))
UP, PORT = 9100, 9200
KEY = "sk-test-1234"

ENVOY_AUTH = """          - name: envoy.filters.http.api_key_auth
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth
              credentials: [ %s ]
              key_sources: [ { header: authorization } ]
          - name: envoy.filters.http.local_ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: rl
              token_bucket: { max_tokens: 4000000000, tokens_per_fill: 4000000000, fill_interval: 1s }
              filter_enabled: { default_value: { numerator: 100, denominator: HUNDRED } }
              filter_enforced: { default_value: { numerator: 100, denominator: HUNDRED } }"""


def sub(name, d, threads, **kw):
    t = open(os.path.join(CONF, name)).read()
    for k, v in dict(PORT=PORT, UP=UP, DIR=d, THREADS=threads, ADMIN=PORT + 1, **kw).items():
        t = t.replace("{%s}" % k, str(v))
    p = os.path.join(d, os.path.basename(name))
    open(p, "w").write(t)
    return p


def keyfiles(d):
    with open(d + "/keys.map", "w") as a, open(d + "/keys.hmap", "w") as b:
        for k in ["sk-filler-%08d" % i for i in range(10000)] + [KEY]:
            a.write('"Bearer %s" "%s";\n' % (k, k))
            b.write("%s %s\n" % (k, k))


def prog(env, default):
    return os.environ.get(env, default)


def px(name, mode="pass", logmode="wake"):
    def f(d, th):
        return [os.path.join(BIN, name)], dict(PX_PORT=str(PORT), PX_UPSTREAM_PORT=str(UP), PX_THREADS=str(th), PX_MODE=mode, PX_LOGMODE=logmode, PX_LOG=d + "/log.jsonl"), {}
    return f


def nginx(conf):
    def f(d, th):
        keyfiles(d)
        os.chmod(d, 0o777)
        return [prog("GW_NGINX", "nginx"), "-p", d, "-c", sub(conf, d, th), "-g", "user root;"], {}, {}
    return f


def haproxy(d, th):
    keyfiles(d)
    return [prog("GW_HAPROXY", "haproxy"), "-db", "-f", sub("haproxy.cfg", d, th)], {}, {}


def envoy(auth):
    def f(d, th):
        creds = ", ".join('{ key: "%s", client: "c%d" }' % (k, i) for i, k in enumerate(["sk-filler-%08d" % i for i in range(10000)] + [KEY]))
        return [prog("GW_ENVOY", "envoy"), "-c", sub("envoy.yaml", d, th, FILTERS=ENVOY_AUTH % creds if auth else ""), "--concurrency", str(th), "-l", "error", "--disable-hot-restart"], {}, {}
    return f


def litellm(d, th):
    return ([prog("GW_LITELLM", "litellm"), "--config", sub("litellm.yaml", d, th), "--host", "127.0.0.1", "--port", str(PORT), "--num_workers", str(th)],
            dict(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR", LITELLM_MODE="PRODUCTION", LITELLM_TELEMETRY="False", DO_NOT_TRACK="1"), {})


def portkey(d, th):
    return ([prog("GW_NODE", "node"), "--require", os.path.join(CONF, "loopback.cjs"), prog("GW_PORTKEY_JS", "start-server.js"), "--port=%d" % PORT, "--headless"], dict(NODE_ENV="production"),
            {"headers": ["x-portkey-provider: openai", "x-portkey-custom-host: http://127.0.0.1:%d/v1" % UP]})


def tensorzero(d, th):
    return ([prog("GW_TENSORZERO", "gateway"), "--config-file", sub("tensorzero.toml", d, th)], dict(TOKIO_WORKER_THREADS=str(th), RUST_LOG="warn"),
            {"path": "/openai/v1/chat/completions", "model": "tensorzero::model_name::mock-model"})


def ferrogw(d, th):
    return ([prog("GW_FERROGW", "ferrogw"), "serve"],
            dict(GATEWAY_CONFIG=sub("ferrogw.yaml", d, th), OPENAI_API_KEY="upstream-key", OPENAI_BASE_URL="http://127.0.0.1:%d" % UP, PORT=str(PORT), HOST="127.0.0.1",
                 MASTER_KEY=KEY, LOG_LEVEL="error", GOMAXPROCS=str(th), RATE_LIMIT_RPS="100000000", RATE_LIMIT_BURST="100000000"), {"model": "gpt-4o"})


def unmimic(d, th):
    return ([prog("GW_UNMIMIC", "unmimic"), "serve", "--upstream", "http://127.0.0.1:%d/v1" % UP, "--host", "127.0.0.1", "--port", str(PORT)], {}, {})


def stillhouse(d, th):
    """Ours: 10,001 keys, limits, a money budget, body parsed, usage read, every exchange durable."""
    data = tempfile.mkdtemp(prefix="data-", dir=d)
    xtask = prog("GW_XTASK", os.path.join(BIN, "xtask"))
    subprocess.run([xtask, "folder", os.path.join(data, "ledger"), "--accounts", "100", "--keys", "10001", "--plan", "bench"], check=True)
    return ([prog("GW_STILLHOUSE", os.path.join(BIN, "stillhouse")), "serve", "--config", sub("stillhouse.toml", d, th), "--data-dir", data], {}, {})


def floor(d, th):
    return [os.path.join(BIN, "gwfloor"), "--port", str(PORT), "--upstream", str(UP)], {}, {}


# name: (command maker, slow?)  slow gateways get fewer connections and lower rates
ANCHORS = {
    "direct": (None, False),
    "floor-epoll": (floor, False),
    "stillhouse": (stillhouse, False),
    "rust-hyper": (px("px-hyper"), False),
    "rust-hyper-full": (px("px-hyper", "full"), False),
    "rust-hyper-full-lazy": (px("px-hyper", "full", "lazy"), False),
    "rust-axum-reqwest": (px("px-axum"), False),
    "rust-pingora": (px("px-pingora"), False),
    "rust-actix-awc": (px("px-actix"), False),
    "rust-ntex": (px("px-ntex"), False),
    "nginx-plain": (nginx("nginx-plain.conf"), False),
    "nginx-auth": (nginx("nginx-auth.conf"), False),
    "haproxy-auth": (haproxy, False),
    "envoy-plain": (envoy(False), False),
    "envoy-auth": (envoy(True), False),
    "ferrogw": (ferrogw, False),
    "tensorzero": (tensorzero, False),
    "portkey": (portkey, False),
    "litellm": (litellm, True),
    "unmimic": (unmimic, True),
}

live = []


def start(cmd, env, cpu, log):
    e = dict(os.environ)
    e.update(env)
    if cpu is not None:
        cmd = ["taskset", "-c", cpu] + cmd
    p = subprocess.Popen(cmd, env=e, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True, cwd=os.path.dirname(log.name))
    live.append(p)
    prio(p.pid)
    return p


def prio(pid):
    """Our own sessions before niced background work (autogroup scheduling ignores plain nice)."""
    v = os.environ.get("GW_PRIO", "-20")
    if v:
        try:
            open("/proc/%s/autogroup" % pid, "w").write(v)
        except OSError:
            pass  # not root, or no autogroups


def stop(p):
    if p.poll() is None:
        try:
            os.killpg(p.pid, signal.SIGTERM)  # the group that start() made
            p.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait(5)
    if p in live:
        live.remove(p)


def get(url, data=None, headers=None, timeout=5):
    r = urllib.request.Request(url, data=data, headers=headers or {})
    with urllib.request.urlopen(r, timeout=timeout) as f:
        return f.status, f.read()


def mock_set(**kw):
    get("http://127.0.0.1:%d/_mock/set?%s" % (UP, "&".join("%s=%s" % i for i in kw.items())))


def rss_kb(pid):
    out, todo, total = [], [pid], 0
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                s = open("/proc/%s/stat" % d).read()
                kids.setdefault(int(s[s.rindex(")") + 2:].split()[1]), []).append(int(d))
            except OSError:
                pass
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    for p in out:
        try:
            for l in open("/proc/%d/status" % p):
                if l.startswith("VmRSS:"):
                    total += int(l.split()[1])
        except OSError:
            pass
    return total


def phases(slow, quick):
    q = 0.5 if quick else 1
    if slow:
        return [
            ("sat", "pin", dict(conns=16, dur=5 * q)), ("sat", "free", dict(conns=16, dur=4 * q)),
            ("rate50", "pin", dict(conns=64, rate=50, dur=8 * q)), ("rate200", "pin", dict(conns=64, rate=200, dur=5 * q)),
            ("sse10", "pin", dict(conns=2, stream=True, chunks=10, interval=5000, dur=5 * q)),
            ("sse110", "pin", dict(conns=2, stream=True, chunks=110, interval=5000, dur=6 * q)),
            ("sse50x0", "pin", dict(conns=8, stream=True, chunks=50, interval=0, dur=4 * q)),
            ("c1", "pin", dict(conns=1, dur=5 * q)),
            ("ttft1", "pin", dict(conns=1, stream=True, chunks=4, interval=5000, dur=6 * q)),
        ]
    return [
        ("sat", "pin", dict(conns=32, dur=4 * q)), ("sat", "free", dict(conns=32, dur=3 * q)),
        ("rate200", "pin", dict(conns=64, rate=200, dur=7 * q)), ("rate1000", "pin", dict(conns=64, rate=1000, dur=5 * q)),
        ("sse10", "pin", dict(conns=20, stream=True, chunks=10, interval=5000, dur=3 * q)),
        ("sse110", "pin", dict(conns=20, stream=True, chunks=110, interval=5000, dur=4 * q)),
        ("sse50x0", "pin", dict(conns=16, stream=True, chunks=50, interval=0, dur=3 * q)),
        ("c1", "pin", dict(conns=1, dur=3 * q)),
        ("ttft1", "pin", dict(conns=1, stream=True, chunks=4, interval=5000, dur=4 * q)),
    ]


def bodies(d, model):
    out = {}
    for k, f in (("chat", "chat.json"), ("sse", "chat_stream.json")):
        j = json.load(open(os.path.join(CONF, f)))
        if model:
            j["model"] = model
        p = os.path.join(d, f)
        open(p, "w").write(json.dumps(j, separators=(",", ":")))
        out[k] = p
    return out


def one(name, rep, quick, sink, only):
    maker, slow = ANCHORS[name]
    d = tempfile.mkdtemp(prefix="gw-" + name + "-")
    log = open(os.path.join(d, "gw.log"), "wb")
    mlog = open(os.path.join(d, "mock.log"), "wb")
    todo = [p for p in phases(slow, quick) if (not only or p[0] in only) and not (quick and slow and p[1] == "free")]
    for place in ("pin", "free"):
        todo_p = [p for p in todo if p[1] == place]
        if not todo_p:
            continue
        th = 1 if place == "pin" else 2
        mock = start([os.path.join(BIN, "gwmock"), "--port", str(UP)], {}, "1" if place == "pin" else None, mlog)
        time.sleep(0.3)
        try:
            opt, gw, port = {}, None, UP
            rec = dict(name=name, rep=rep, place=place)
            if maker:
                port = PORT
                cmd, env, opt = maker(d, th)
                t0 = time.time()
                gw = start(cmd, env, "0" if place == "pin" else None, log)
            b = bodies(d, opt.get("model"))
            path = opt.get("path", "/v1/chat/completions")
            heads = ["Authorization: Bearer " + KEY] + opt.get("headers", [])
            if gw:
                hd = {h.split(":", 1)[0]: h.split(":", 1)[1].strip() for h in heads}
                hd["content-type"] = "application/json"
                last = None
                while True:
                    try:
                        s, _ = get("http://127.0.0.1:%d%s" % (port, path), open(b["chat"], "rb").read(), hd)
                        if s == 200:
                            break
                    except Exception as e:  # not up yet
                        last = e
                        if hasattr(e, "read"):
                            last = "%s %s" % (e, e.read()[:300])
                    if time.time() - t0 > 90 or gw.poll() is not None:
                        print(name, "did not answer:", last, "log:", open(log.name).read()[-1500:], file=sys.stderr)
                        return False
                    time.sleep(0.005)
                up = time.time() - t0
                time.sleep(0.5 if quick else 2)
                sink(dict(rec, phase="start", start_s=round(up, 4), idle_rss_kb=rss_kb(gw.pid)))
            sat = None
            for ph, _, o in todo_p:
                if o.get("rate") and sat and o["rate"] > 0.8 * sat:
                    sink(dict(rec, phase=ph, skipped="rate above 0.8 of the %.0f requests/s that it can do" % sat))
                    continue
                mock_set(latency_us=0, chunks=o.get("chunks", 50), interval_us=o.get("interval", 0))
                c = [os.path.join(BIN, "gwload"), "--port", str(port), "--path", path, "--conns", str(o["conns"]), "--duration-s", str(o["dur"]), "--warmup-s", "2" if slow else "0.6",
                     "--body", b["sse" if o.get("stream") else "chat"], "--upid", str(mock.pid)]
                for h in heads:
                    c += ["--header", h]
                if gw:
                    c += ["--pid", str(gw.pid)]
                if o.get("rate"):
                    c += ["--rate", str(o["rate"])]
                if o.get("stream"):
                    c += ["--stream"]
                if place == "pin":
                    c = ["taskset", "-c", "1"] + c
                r = subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
                live.append(r)
                prio(r.pid)
                so, se = r.communicate(timeout=150)
                live.remove(r)
                try:
                    j = json.loads(so)
                except ValueError:
                    print(name, ph, "load failed:", so[-300:], se[-300:], file=sys.stderr)
                    continue
                if ph == "sat":
                    sat = j["rps"]
                if rep > 1:
                    j.pop("sample", None)
                sink(dict(rec, phase=ph, **j))
                if j["bad"] or j["cut"]:
                    print(name, ph, "bad", j["bad"], "cut", j["cut"], j["first_err"][:300], file=sys.stderr)
        finally:
            for p in list(live):
                stop(p)
        time.sleep(0.5)
    shutil.rmtree(d, ignore_errors=True)
    return True


def cpu():
    """The processor, since absolute figures mean little without it."""
    model, flags = "?", []
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
        if line.startswith("flags"):
            flags = [f for f in line.split() if f.startswith(("avx", "sha_ni", "amx", "aes", "vaes"))]
            break
    return dict(cpu=model, flags=" ".join(flags), cores=os.cpu_count())


def loopback_only():
    """A network namespace with nothing but loopback: no gateway here can reach anything else."""
    if os.geteuid() == 0 and not os.environ.get("GW_NETNS") and shutil.which("unshare"):
        os.environ["GW_NETNS"] = "1"
        again = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, os.path.abspath(sys.argv[0])]
        os.execvp("unshare", again + sys.argv[1:])


def main():
    a = sys.argv[1:]
    if "--list" not in a:
        loopback_only()
    if "--list" in a:
        print("\n".join(ANCHORS))
        return
    def opt(n, dflt):
        if n in a:
            i = a.index(n)
            v = a[i + 1]
            del a[i:i + 2]
            return v
        return dflt
    out, reps, only = opt("--out", "results.jsonl"), int(opt("--reps", "3")), opt("--only", "")
    quick = "--quick" in a
    names = [x for x in a if not x.startswith("--")]
    lock = os.environ.get("GW_LOCK")  # a file to flock around each repetition
    os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
    f = open(out, "a")
    def sink(r):
        f.write(json.dumps(r) + "\n")
        f.flush()
        b = r.get("lat_us", {})
        print(r["name"], r["rep"], r["place"], r["phase"], "rps", r.get("rps"), "cpu/req", r.get("gw_cpu_us_per_req"), "p50", b.get("p50"), "p99", b.get("p99"),
              "util g/m/l", r.get("gw_util"), r.get("mock_util"), r.get("load_util"), "start", r.get("start_s"), "rss", r.get("rss_kb") or r.get("idle_rss_kb"), flush=True)
    print(json.dumps(cpu()), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended too
    try:
        for rep in range(1, reps + 1):
            for n in names:
                if lock:
                    import fcntl
                    lf = open(lock, "w")
                    fcntl.flock(lf, fcntl.LOCK_EX)
                ok = one(n, rep, quick, sink, set(only.split(",")) if only else None)
                if lock:
                    lf.close()
                    time.sleep(0.3)
                if not ok:
                    print("skipping", n, file=sys.stderr)
    finally:
        for p in list(live):
            stop(p)


if __name__ == "__main__":
    main()
