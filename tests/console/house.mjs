// One server on loopback over a temporary folder, and the upstream that it asks: a stand-in for
// vLLM that answers at once, streams, and fails when its model's name says so.
import { spawn, execFile } from "node:child_process";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function settings(house) {
  return `data_dir = "${house.folder}/data"
[server]
listen = ["127.0.0.1:${house.port}"]
[operator]
listen = ["127.0.0.1:${house.operatorPort}"]
[log]
filter = "warn"
[plans.default]
requests_per_minute = 600
[plans.team]
requests_per_minute = 1200
spend_dollars = 200
[upstreams.vllm]
kind = "openai"
servers = ["${house.upstreamUrl}/v1"]
endpoints = ["chat", "completions", "models"]
[models.large]
upstream = "vllm"
input_dollars_per_million_tokens = 10
output_dollars_per_million_tokens = 30
[models.small]
upstream = "vllm"
[models.broken]
upstream = "vllm"
`;
}

async function freePort() {
  const socket = createSocket();
  await new Promise((done) => socket.listen(0, "127.0.0.1", done));
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** What answers for the models, and what is served as a stranger's page under /evil. */
function upstream(house) {
  return createServer(async (request, response) => {
    const json = (status, value) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (request.url === "/evil") {
      response.writeHead(200, { "content-type": "text/html" });
      return response.end(house.evil);
    }
    if (request.url === "/v1/models") {
      const data = ["large", "small", "broken"].map((id) => ({ id, object: "model", created: 0, owned_by: "test" }));
      return json(200, { object: "list", data });
    }
    const asked = JSON.parse(await body(request) || "{}");
    if (asked.model === "broken") return json(500, { error: { message: "out of memory", type: "server_error" } });
    // A lively house takes its time, and no answer is like the other.
    const drawn = (most) => house.isLively ? Math.floor(Math.random() * most) : 0;
    const usage = { prompt_tokens: 40 + drawn(1800), completion_tokens: 12 + drawn(400) };
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
    await pause(drawn(350));
    const base = { id: "chatcmpl-1", created: 1, model: asked.model };
    if (!asked.stream) {
      const message = { role: "assistant", content: "A still house is where spirits are distilled." };
      return json(200, { ...base, object: "chat.completion", choices: [{ index: 0, message, finish_reason: "stop" }], usage });
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (value) => response.write(`data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", ...value })}\n\n`);
    send({ choices: [{ index: 0, delta: { role: "assistant", content: "A still" }, finish_reason: null }] });
    await pause(20 + drawn(3000));
    send({ choices: [{ index: 0, delta: { content: " house." }, finish_reason: "stop" }] });
    send({ choices: [], usage });
    response.end("data: [DONE]\n\n");
  });
}

export class House {
  /** Makes the folder and starts upstream and server; other settings make another house. */
  static async start(program, written = settings, prepare = async () => {}) {
    const house = new House();
    house.program = program;
    house.folder = await mkdtemp(join(tmpdir(), "stillhouse-console-"));
    house.evil = "";
    house.upstream = upstream(house);
    await new Promise((done) => house.upstream.listen(0, "127.0.0.1", done));
    house.upstreamUrl = `http://127.0.0.1:${house.upstream.address().port}`;
    [house.port, house.operatorPort] = [await freePort(), await freePort()];
    house.url = `http://127.0.0.1:${house.operatorPort}`;
    house.base = `http://127.0.0.1:${house.port}`;
    house.config = join(house.folder, "stillhouse.toml");
    await writeFile(house.config, written(house));
    await prepare(house);
    await house.serve();
    return house;
  }

  async serve() {
    const log = createWriteStream(join(this.folder, "server.log"), { flags: "a" });
    this.said = "";
    this.server = spawn(this.program, ["--config", this.config, "serve"], { stdio: ["ignore", "pipe", "pipe"] });
    this.server.stdout.on("data", (data) => { this.said += data; log.write(data); });
    this.server.stderr.pipe(log);
    this.ended = new Promise((done) => this.server.on("exit", (code) => done(code)));
    for (let round = 0; round < 600; round += 1) {
      if (this.server.exitCode !== null) throw new Error(`the server ended with status ${this.server.exitCode}`);
      const ready = await fetch(`${this.base}/readyz`).catch(() => undefined);
      if (ready?.status === 200) return;
      await pause(100);
    }
    throw new Error("the server was not ready within 60 s");
  }

  /** The one-time link that the server printed, if it did. */
  get welcome() {
    return this.said.match(/http:\S+\/welcome#\S+/)?.[0];
  }

  async stop() {
    this.server.kill("SIGTERM");
    const late = setTimeout(() => this.server.kill("SIGKILL"), 30_000);
    const code = await this.ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the server ended with status ${code}`);
  }

  /** A verb by the command line: what it prints as JSON. */
  async verb(...words) {
    const { stdout } = await run(this.program, ["--config", this.config, "--json", ...words]);
    return stdout.trim() ? JSON.parse(stdout) : undefined;
  }

  /** A chat by this key: the answer's status, its body read to the end. */
  async ask(secret, model = "large", more = {}) {
    const answer = await fetch(`${this.base}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "What is a still house?" }], max_tokens: 20, ...more }),
    });
    await answer.text();
    return answer.status;
  }

  async end(isGood) {
    let fault;
    await this.stop().catch((error) => { fault = error; });
    this.upstream.closeAllConnections();
    this.upstream.close();
    if (isGood && !fault) await rm(this.folder, { recursive: true });
    else console.error(`the server's folder and its log are kept in ${this.folder}`);
    if (fault) throw fault;
  }
}
