// The official Node SDK against the house that run.py started.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const LOCAL = "smollm2-135m";
const house = JSON.parse(process.env.STILLHOUSE_CLIENTS);
const messages = [{ role: "user", content: "What is gravity?" }];
const settled = { model: LOCAL, messages, max_tokens: 8, temperature: 0 };

const connect = (account = "main", more = {}) =>
  new OpenAI({ baseURL: `${house.url}/v1`, apiKey: house.keys[account] ?? account, maxRetries: 0, ...more });

const client = connect();

test("chat, whole", async () => {
  const answer = await client.chat.completions.create(settled);
  assert.match(answer.choices[0].message.content, /^Gravity/);
  assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [34, 8]);
  assert.ok(answer._request_id);
});

test("chat, streamed", async () => {
  const whole = await client.chat.completions.create(settled);
  const stream = await client.chat.completions.create({ ...settled, stream: true, stream_options: { include_usage: true } });
  let text = "";
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage ??= chunk.usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, 8);
});

test("chat, by the stream helper, and left early", async () => {
  const runner = client.chat.completions.stream(settled);
  const final = await runner.finalChatCompletion();
  assert.match(final.choices[0].message.content, /^Gravity/);
  const stream = await client.chat.completions.create({ ...settled, max_tokens: 2000, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
});

test("completions with echo and log-probabilities", async () => {
  const answer = await client.completions.create({ model: LOCAL, prompt: "The capital of France is", max_tokens: 1, echo: true, logprobs: 1 });
  assert.equal(answer.choices[0].logprobs.token_logprobs.length, 6);
  assert.equal(answer.choices[0].logprobs.token_logprobs[0], null);
});

test("responses, whole and streamed", async () => {
  const asked = { model: LOCAL, input: "What is gravity?", max_output_tokens: 16, temperature: 0 };
  const whole = await client.responses.create(asked);
  const events = [];
  for await (const event of await client.responses.create({ ...asked, stream: true })) events.push(event);
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, place) => place));
  assert.deepEqual(events.slice(0, 2).map((event) => event.type), ["response.created", "response.in_progress"]);
  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  assert.equal(deltas.map((event) => event.delta).join(""), whole.output_text);
});

test("tools by the recorded upstream", async () => {
  const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];
  const runner = client.chat.completions.stream({ model: "recorded/tools", messages, tools });
  const final = await runner.finalChatCompletion();
  assert.deepEqual(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments), { city: "Paris", unit: "celsius" });
});

test("models and embeddings", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes(LOCAL));
  assert.equal((await client.models.retrieve("recorded/tools")).id, "recorded/tools");
  const vectors = await client.embeddings.create({ model: "recorded/vectors", input: ["one", "two"] });
  assert.deepEqual(vectors.data[1].embedding, [0.125, 2.0, -1.5]);
});

test("errors are of the right class", async () => {
  const wrong = [
    [connect("sk-nobody"), settled, OpenAI.AuthenticationError, "invalid_api_key"],
    [client, { ...settled, model: "gpt-none" }, OpenAI.NotFoundError, "model_not_found"],
    [client, { ...settled, temperature: 9 }, OpenAI.BadRequestError, null],
    [connect("narrow"), { ...settled, logprobs: true }, OpenAI.PermissionDeniedError, "capability_not_allowed"],
    [connect("poor"), { ...settled, model: "priced", max_tokens: 100 }, OpenAI.RateLimitError, "budget_exhausted"],
    [client, { ...settled, model: "recorded/faulty" }, OpenAI.InternalServerError, null],
  ];
  for (const [by, body, kind, code] of wrong) {
    await assert.rejects(by.chat.completions.create(body), (error) => {
      assert.ok(error instanceof kind, `${error.constructor.name} for ${JSON.stringify(body)}`);
      if (code) assert.equal(error.code, code);
      assert.ok(error.requestID);
      return true;
    });
  }
});

test("a refusal that says when is waited for", async () => {
  const patient = connect("main", { maxRetries: 2 });
  const answer = await patient.chat.completions.create({ model: "recorded/busy", messages, user: "node" });
  assert.equal(answer.choices[0].message.content, "Now.");
});

test("a broken stream is an error", async () => {
  const stream = await client.chat.completions.create({ model: "recorded/fails", messages, stream: true });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk.id);
  }, OpenAI.APIError);
});
