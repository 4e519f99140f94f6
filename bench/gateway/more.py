#!/usr/bin/env python3
"""What run.py does not measure of our own gateway, all on 127.0.0.1:

  memory     resident memory with 100,000 accounts and 1,000 open streams, without the model
  start      start to first answer with 10,001 keys (also after kill -9), without the model
  change     from a change's command to its effect: a revoked key, a limit, a grant
  metrics    CPU index with metrics on (and scraped each second) against off
  decode     added p99 at 1,000 proxied requests/s while the model in process decodes, two cores

  GW_BIN=<folder with gwmock, gwload, stillhouse, xtask>  ./more.py [--out FILE] [memory|start|change|metrics|decode ...]
Every phase is bounded in time; only processes started here are ended, by pid.
"""
import json, os, shutil, signal, statistics, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

import run

BIN, UP, PORT, KEY = run.BIN, run.UP, run.PORT, run.KEY
STILLHOUSE = run.prog("GW_STILLHOUSE", os.path.join(BIN, "stillhouse"))
XTASK = run.prog("GW_XTASK", os.path.join(BIN, "xtask"))
MODEL = os.environ.get("STILLHOUSE_MODEL", os.path.expanduser("~/.cache/stillhouse/models/smollm2-135m-instruct.gguf"))
CHAT = open(os.path.join(run.CONF, "chat.json"), "rb").read()


def house(d, accounts, keys, threads=1, extra=""):
    """A data folder with this many accounts and keys, and the settings for it."""
    data = tempfile.mkdtemp(prefix="data-", dir=d)
    subprocess.run([XTASK, "folder", os.path.join(data, "ledger"), "--accounts", str(accounts), "--keys", str(keys), "--plan", "bench"], check=True)
    conf = run.sub("stillhouse.toml", d, threads)
    with open(conf, "a") as f:
        f.write(extra)
    return data, conf


def serve(data, conf, log):
    return run.start([STILLHOUSE, "serve", "--config", conf, "--data-dir", data], {}, None, log)


def ask(body=CHAT, key=KEY, timeout=5):
    head = {"authorization": "Bearer " + key, "content-type": "application/json"}
    return run.get("http://127.0.0.1:%d/v1/chat/completions" % PORT, body, head, timeout)


def first_answer(t0, limit=60):
    while time.time() - t0 < limit:
        try:
            if ask()[0] == 200:
                return time.time() - t0
        except (OSError, urllib.error.URLError):
            time.sleep(0.002)
    raise SystemExit("no answer within %d s" % limit)


def memory(d, log):
    data, conf = house(d, 100_000, 100_000)
    mock = run.start([os.path.join(BIN, "gwmock"), "--port", str(UP)], {}, None, log)
    gw = serve(data, conf, log)
    up = first_answer(time.time())
    idle = run.rss_kb(gw.pid)
    run.mock_set(latency_us=0, chunks=100, interval_us=100_000)
    load = subprocess.Popen([os.path.join(BIN, "gwload"), "--port", str(PORT), "--path", "/v1/chat/completions", "--conns", "1000", "--duration-s", "14", "--warmup-s", "1",
                             "--body", os.path.join(run.CONF, "chat_stream.json"), "--stream", "--pid", str(gw.pid), "--upid", str(mock.pid), "--header", "Authorization: Bearer " + KEY],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak, open_streams = 0, 0
    for _ in range(20):
        time.sleep(0.5)
        peak = max(peak, run.rss_kb(gw.pid))
        s = subprocess.run([STILLHOUSE, "--data-dir", data, "--json", "status"], capture_output=True, text=True)
        if s.returncode == 0:
            open_streams = max(open_streams, json.loads(s.stdout)["in_flight"])
    load.communicate(timeout=60)
    run.stop(gw)
    run.stop(mock)
    return dict(phase="memory", accounts=100_000, first_answer_s=round(up, 3), idle_mib=idle // 1024, streams=open_streams, with_streams_mib=peak // 1024)


def start(d, log):
    data, conf = house(d, 100, 10_001)
    mock = run.start([os.path.join(BIN, "gwmock"), "--port", str(UP)], {}, None, log)
    times = {"after a stop": [], "after kill -9": []}
    for round_ in range(7):
        t0 = time.time()
        gw = serve(data, conf, log)
        took = first_answer(t0)
        if round_:
            times["after a stop" if round_ % 2 else "after kill -9"].append(took)
        if round_ % 2:
            os.kill(gw.pid, signal.SIGKILL)
            gw.wait()
        run.stop(gw)
    run.stop(mock)
    return dict(phase="start", keys=10_001, **{k: [round(x, 3) for x in v] for k, v in times.items()})


def cli(data, *args):
    out = subprocess.run([STILLHOUSE, "--data-dir", data, "--json", *args], capture_output=True, text=True)
    if out.returncode:
        raise SystemExit("stillhouse %s: %s" % (" ".join(args), out.stderr.strip()))
    return json.loads(out.stdout)


def until(status, key, t0, limit=5):
    while time.time() - t0 < limit:
        try:
            got = ask(key=key)[0]
        except urllib.error.HTTPError as e:
            got = e.code
        if got == status:
            return time.time() - t0
    raise SystemExit("a change was not in force after %d s" % limit)


def change(d, log):
    data, conf = house(d, 1, 1)
    mock = run.start([os.path.join(BIN, "gwmock"), "--port", str(UP)], {}, None, log)
    gw = serve(data, conf, log)
    first_answer(time.time())
    account = cli(data, "account", "list")
    account = (account.get("accounts") or account.get("items") or account)[0]["id"]
    times = {"revoked key": [], "limit": [], "revoked grant": []}
    for i in range(5):
        made = cli(data, "key", "create", "--account", account, "--name", "k%d" % i)
        secret, kid = made["secret"], made.get("id") or made["key"]["id"]
        until(200, secret, time.time())
        t0 = time.time()
        cli(data, "key", "revoke", kid)
        times["revoked key"].append(until(401, secret, t0))
        t0 = time.time()
        cli(data, "account", "set", account, "--requests-per-minute", "1")
        times["limit"].append(until(429, KEY, t0))
        cli(data, "account", "set", account, "--requests-per-minute", "4000000000")
        until(200, KEY, time.time())
        g = cli(data, "grant", "issue", "--account", account, "--teacher", "mock-model", "--purpose", "bench", "--tier", "text", "--budget-tokens", "1000000", "--expires", "1d")
        token, gid = g.get("token") or g["secret"], g.get("id") or g["grant"]["id"]
        until(200, token, time.time())
        t0 = time.time()
        cli(data, "grant", "revoke", gid)
        times["revoked grant"].append(until(401, token, t0))
    run.stop(gw)
    run.stop(mock)
    return dict(phase="change", includes="the command's own start", **{k: [round(x, 3) for x in v] for k, v in times.items()})


LOCAL = """
[upstreams.local]
kind = "local"
file = "%s"
threads = 2

[models.local]
upstream = "local"
"""


def decode(d, log):
    data, conf = house(d, 1, 1, threads=2, extra=LOCAL % MODEL)
    mock = run.start([os.path.join(BIN, "gwmock"), "--port", str(UP)], {}, None, log)
    gw = serve(data, conf, log)
    first_answer(time.time())
    done, tokens = threading.Event(), [0]
    body = json.dumps(dict(model="local", stream=True, max_tokens=400, temperature=1, messages=[dict(role="user", content="Tell a long story about the sea.")])).encode()

    def story():
        head = {"authorization": "Bearer " + KEY, "content-type": "application/json"}
        while not done.is_set():
            with urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:%d/v1/chat/completions" % PORT, body, head), timeout=60) as f:
                for line in f:
                    tokens[0] += line.startswith(b"data: {")
                    if done.is_set():
                        return

    def rate(port):
        c = [os.path.join(BIN, "gwload"), "--port", str(port), "--path", "/v1/chat/completions", "--conns", "64", "--duration-s", "5", "--warmup-s", "0.6", "--rate", "1000",
             "--body", os.path.join(run.CONF, "chat.json"), "--upid", str(mock.pid), "--pid", str(gw.pid), "--header", "Authorization: Bearer " + KEY]
        return json.loads(subprocess.run(c, capture_output=True, text=True, timeout=60).stdout)["lat_us"]

    out = []
    for _ in range(3):
        quiet = rate(PORT)
        done.clear()
        threads = [threading.Thread(target=story, daemon=True) for _ in range(4)]
        for t in threads:
            t.start()
        time.sleep(2)
        tokens[0] = 0
        t0 = time.time()
        direct, busy = rate(UP), rate(PORT)
        speed = tokens[0] / (time.time() - t0)
        done.set()
        for t in threads:
            t.join(60)
        out.append(dict(quiet_p99=quiet["p99"], direct_p99_while_decoding=direct["p99"], p50=busy["p50"], p99=busy["p99"], added_p99=round(busy["p99"] - direct["p99"], 1), tokens_per_s=round(speed, 1)))
    run.stop(gw)
    run.stop(mock)
    return dict(phase="decode", streams=4, unit="us", rounds=out, added_p99_ms_median=round(statistics.median(r["added_p99"] for r in out) / 1000, 2))


TELEMETRY = """
[telemetry]
metrics = %s
[operator]
listen = ["127.0.0.1:%d"]
scrape_token = { env = "GW_SCRAPE_TOKEN" }
"""
NO_OPERATOR = "[operator]\nlisten = []\n"
PHASES = {"whole": dict(conns="32", body="chat.json", more=[]), "stream": dict(conns="16", body="chat_stream.json", more=["--stream"])}


def scrape(done, seen):
    head = {"authorization": "Bearer scrape"}
    while not done.wait(1):
        status, text = run.get("http://127.0.0.1:%d/metrics" % (PORT + 1), headers=head)
        seen.append((status, len(text)))


def load(phase, gw, mock):
    """The gateway's processor time over that of mock and load: the CPU index."""
    o = PHASES[phase]
    run.mock_set(latency_us=0, chunks=50, interval_us=0)
    c = ["taskset", "-c", "1", os.path.join(BIN, "gwload"), "--port", str(PORT), "--path", "/v1/chat/completions", "--conns", o["conns"], "--duration-s", "4", "--warmup-s", "0.6",
         "--body", os.path.join(run.CONF, o["body"]), "--pid", str(gw.pid), "--upid", str(mock.pid), "--header", "Authorization: Bearer " + KEY] + o["more"]
    j = json.loads(subprocess.run(c, capture_output=True, text=True, timeout=60).stdout)
    if j["bad"] or j["cut"]:
        raise SystemExit("%s: %s" % (phase, j["first_err"]))
    return j["gw_util"] / (j["mock_util"] + j["load_util"])


def metrics(d, log, pairs=int(os.environ.get("GW_PAIRS", "7"))):
    os.environ["GW_SCRAPE_TOKEN"] = "scrape"
    houses = {}
    for on in ("true", "false"):
        data, conf = house(d, 100, 10_001)
        # Each house's settings stand in a file of their own.
        own = os.path.join(d, "metrics-%s.toml" % on)
        text = open(conf).read().replace(NO_OPERATOR, "")
        open(own, "w").write(text + TELEMETRY % (on, PORT + 1))
        houses[on] = (data, own)
    out, scrapes = {phase: [] for phase in PHASES}, []
    for pair in range(pairs):
        got = {}
        # Which is first changes from pair to pair: the machine may be warmer for the second.
        for on in sorted(houses, reverse=bool(pair % 2)):
            mock = run.start([os.path.join(BIN, "gwmock"), "--port", str(UP)], {}, "1", log)
            gw = run.start([STILLHOUSE, "serve", "--config", houses[on][1], "--data-dir", houses[on][0]], {}, "0", log)
            first_answer(time.time())
            done = threading.Event()
            if on == "true":
                scraper = threading.Thread(target=scrape, args=(done, scrapes), daemon=True)
                scraper.start()
            got[on] = {phase: load(phase, gw, mock) for phase in PHASES}
            done.set()
            if on == "true":
                scraper.join(10)
            run.stop(gw)
            run.stop(mock)
        for phase in PHASES:
            out[phase].append([round(got[on][phase], 4) for on in ("true", "false")])
    if not scrapes or any(status != 200 for status, _ in scrapes):
        raise SystemExit("the metrics could not be scraped: %s" % scrapes[:3])
    ratios = {phase: statistics.median(on / off for on, off in rounds) for phase, rounds in out.items()}
    return dict(phase="metrics", unit="CPU index, on and off", rounds=out, scraped_bytes=scrapes[-1][1], ratio={k: round(v, 4) for k, v in ratios.items()})


def main():
    run.loopback_only()
    a = sys.argv[1:]
    out = None
    if "--out" in a:
        i = a.index("--out")
        out = open(a[i + 1], "a")
        del a[i:i + 2]
    print(json.dumps(run.cpu()), flush=True)
    for name in a or ["memory", "start", "change", "metrics", "decode"]:
        d = tempfile.mkdtemp(prefix="gw-more-")
        try:
            with open(os.path.join(d, "log"), "wb") as log:
                r = dict(name="stillhouse", **globals()[name](d, log))
        except BaseException:
            print("what was left is in", d, file=sys.stderr)
            raise
        finally:
            for p in list(run.live):
                run.stop(p)
        shutil.rmtree(d, ignore_errors=True)
        print(json.dumps(r), flush=True)
        if out:
            out.write(json.dumps(r) + "\n")
            out.flush()


main()
