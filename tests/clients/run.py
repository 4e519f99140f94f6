"""Starts one server and the recorded upstream, makes accounts and keys by the command line, runs
the Python and the Node tests against it, stops it, and verifies its ledger.

    run.py STILLHOUSE MODEL.gguf NODE NODE_MODULES [pytest's arguments | --instead COMMAND…]

With `--instead` another command runs against that server. All of it is on loopback and in a
temporary folder, which is kept where something failed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from recorded import Recorded

HERE = Path(__file__).parent
CANNED = ["tools", "schema", "reasons", "breaks", "fails", "hangs", "busy", "refuses", "faulty", "vectors"]
ACCOUNTS = {
    "main": [],
    "narrow": ["--plan", "narrow"],
    "single": ["--concurrency", "1"],
    "measured": ["--requests-per-minute", "30"],
    "poor": ["--spend-dollars", "0.001"],
}


def settings(data, port, operator, model, recorded):
    text = f"""
data_dir = "{data}"
[server]
listen = ["127.0.0.1:{port}"]
[operator]
listen = ["127.0.0.1:{operator}"]
scrape_token = {{ env = "SCRAPE_TOKEN" }}
[log]
filter = "warn"
[plans.default]
[plans.narrow]
top_logprobs = 0
prompt_logprobs = false
max_n = 1
logit_bias = false
[upstreams.local]
kind = "local"
file = "{model}"
[upstreams.recorded]
kind = "openai"
servers = ["{recorded}"]
endpoints = ["chat", "completions", "embeddings", "models"]
[models.smollm2-135m]
upstream = "local"
[models.priced]
upstream = "local"
input_dollars_per_million_tokens = 1000
output_dollars_per_million_tokens = 1000
"""
    for name in CANNED:
        text += f'[models."recorded/{name}"]\nupstream = "recorded"\nupstream_model = "{name}"\n'
    return text


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until_ready(url, server):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"error: the server ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    sys.exit("error: the server was not ready within 300 s")


def main():
    program, model, node, node_modules, *rest = sys.argv[1:]
    folder = Path(tempfile.mkdtemp(prefix="stillhouse-clients-"))
    upstream = Recorded()
    recorded = upstream.start()
    port, operator = free_port(), free_port()
    config = folder / "stillhouse.toml"
    config.write_text(settings(folder / "data", port, operator, model, recorded))

    def verb(*arguments):
        command = [program, "--config", str(config), "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"error: {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    log = open(folder / "server.log", "wb")
    served = {**os.environ, "SCRAPE_TOKEN": "scrape-test"}
    server = subprocess.Popen([program, "--config", str(config), "serve"], stdout=log, stderr=log, env=served)
    failed = []
    try:
        until_ready(f"http://127.0.0.1:{port}", server)
        verb("organization", "create", "Tests")
        keys = {}
        for name, flags in ACCOUNTS.items():
            verb("account", "create", name, "--organization", "Tests", *flags)
            keys[name] = verb("key", "create", "--account", name)["secret"]
        house = {
            "url": f"http://127.0.0.1:{port}",
            "operator": f"http://127.0.0.1:{operator}",
            "metrics": [f"http://127.0.0.1:{operator}/metrics", served["SCRAPE_TOKEN"]],
            "upstream": recorded.removesuffix("/v1"),
            "keys": keys,
            "command": [program, "--config", str(config), "--json"],
        }
        environment = {
            **os.environ,
            "STILLHOUSE_CLIENTS": json.dumps(house),
            "STILLHOUSE_MODEL": model,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # Whatever is set for a real account must not leak in here.
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
            environment.pop(name, None)
        python = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE), *rest]
        script = [node, "--test", str(Path(node_modules).parent / "client.test.mjs")]
        commands = {"python": python, "node": script}
        if rest[:1] == ["--instead"]:
            commands = {rest[1]: rest[1:]}
        elif rest:
            del commands["node"]
        for name, command in commands.items():
            if subprocess.run(command, env=environment).returncode != 0:
                failed.append(name)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            status = server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            status = "none within 60 s of SIGTERM"
    if status != 0:
        failed.append(f"the server's end ({status})")
    verified = subprocess.run([program, "--config", str(config), "ledger", "verify"], text=True)
    if verified.returncode != 0:
        failed.append("ledger verify")
    if failed:
        sys.exit(f"error: failed: {', '.join(failed)}; everything is kept in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
