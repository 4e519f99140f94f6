// Distillation runs: a real one of two tiny models, driven to its end, then looked at: its board,
// its page with curves and funnel, its texts after a recorded look, and what stops one.
import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const rows = (from, to) => Array.from({ length: to - from }, (_, at) => `{"id":"r${from + at}","text":"what is ${from + at}"}\n`).join("");

function file(grant) {
  return `[run]
name = "tiny"
seed = 5
grant = "${grant}"
threads = 1
[student]
model = "student.gguf"
tuning = { kind = "lora", rank = 4, alpha = 8.0 }
[teacher]
name = "teacher"
model = "teacher.gguf"
licence = "own"
[data]
items = "items.jsonl"
holdout = "holdout.jsonl"
student = "{text}?"
[curate]
[stages.cold_start]
steps = 2
checkpoint_every = 2
learning = { batch = 2, rows = 128, rate = { rate = 1e-2 }, loss = { kind = "forward_kl" } }
sampling = { max_tokens = 6 }
[stages.on_policy]
steps = 4
checkpoint_every = 2
learning = { batch = 2, rows = 128, rate = { rate = 1e-2 }, loss = { kind = "reverse_kl" } }
sampling = { max_tokens = 6 }
[evaluate]
scorer = { kind = "regex", pattern = "[aeiou]" }
every = 2
max_tokens = 8
[budget]
dollars = 1
tokens = 100000
machine_dollars_per_hour = 0.1
[alarms]
entropy = 0.0
`;
}

async function without_a_run_the_board_says_how_to_begin(story) {
  const { page } = story;
  await page.goto("/runs");
  await page.locator(".empty").getByRole("link", { name: "Issue grant" }).waitFor();
}

async function a_run_is_driven_to_its_end(story) {
  const { house, page } = story;
  const models = process.env.STILLHOUSE_TINY_MODELS;
  assert.ok(models, "STILLHOUSE_TINY_MODELS names the folder of the tiny models (see scripts/test-console.sh)");
  for (const name of ["student.gguf", "teacher.gguf"]) await cp(join(models, name), join(house.folder, name));
  await writeFile(join(house.folder, "items.jsonl"), rows(0, 24) + rows(0, 1).replace("r0", "again"));
  await writeFile(join(house.folder, "holdout.jsonl"), rows(30, 54));
  const settings = await readFile(house.config, "utf8");
  await writeFile(house.config, `${settings}[upstreams.here]\nkind = "local"\nfile = "${house.folder}/teacher.gguf"\nthreads = 1\n[models.teacher]\nupstream = "here"\n`);
  await house.verb("server", "reload");
  const { accounts } = await house.verb("account", "list");
  const issued = await house.verb("grant", "issue", "--account", accounts[0].id, "--teacher", "teacher", "--purpose", "a student", "--tier", "train", "--budget-tokens", "1000000", "--expires", "30d");
  await writeFile(join(house.folder, "run.toml"), file(issued.grant.id));
  await page.goto("/runs");
  await page.getByRole("link", { name: "Start run" }).first().click();
  await page.fill("[name=run]", join(house.folder, "run.toml"));
  await page.check("[name=plan_only]");
  await page.getByRole("button", { name: "Start run" }).click();
  await page.waitForURL(/\/runs\/run_/);
  story.run = new URL(page.url()).pathname;
  // It stops after its plan, whatever that says, and shows what it would need.
  await page.locator(".way .paused").waitFor({ timeout: 60_000 });
  const planned = await house.verb("distill", "show", "tiny");
  assert.ok(["go", "do_not", "cold_start_first"].includes(planned.quote.verdict), planned.quote.verdict);
  assert.equal(planned.row.step, 0);
  await page.getByRole("link", { name: "Resume" }).click();
  assert.equal(await page.locator("[name=plan_only]").count(), 0);
  await page.fill("[name=why]", "the plan is good");
  await page.getByRole("button", { name: "Start run" }).click();
  await page.getByText("The server drives the run now").waitFor();
  // The page follows the run by itself. Advice against two random models is no wonder.
  const stands = page.locator(".way .here", { hasText: /Held|Rejected/ });
  const paused = page.locator(".way .paused");
  await stands.or(paused).first().waitFor({ timeout: 60_000 });
  if (await paused.count()) {
    await page.getByRole("link", { name: "Resume" }).click();
    await page.fill("[name=why]", "a test");
    await page.getByRole("button", { name: "Start run" }).click();
    await page.getByText("The server drives the run now").waitFor();
    await stands.first().waitFor({ timeout: 60_000 });
  }
  await writeFile(house.config, settings);
  await house.verb("server", "reload");
}

async function its_page_tells_how_it_went(story) {
  const { page } = story;
  await page.goto("/runs");
  await page.locator("tbody th a", { hasText: "tiny" }).click();
  await page.waitForURL(/\/runs\/run_/);
  story.run = new URL(page.url()).pathname;
  const text = await page.locator("main").innerText();
  for (const part of ["Cold start", "On policy", "Hold-out", "Distance to the teacher", "Entropy", "Spent", "Twice there", "rows are held out", "Every move", "Foreseen"]) {
    assert.ok(text.toLowerCase().includes(part.toLowerCase()), `${part} in ${text}`);
  }
  // The curve that is drawn is the one that the verb tells.
  const shown = await story.house.verb("distill", "show", "tiny");
  const kl = shown.curves.find((curve) => curve.metric === "kl" && curve.stage === "on_policy");
  const card = page.locator("section.card", { hasText: "Distance to the teacher" });
  await card.getByText("As a table").click();
  const cells = await card.locator("tbody tr").allInnerTexts();
  assert.equal(cells.length, kl.values.length);
  assert.ok(cells[0].startsWith("On policy 1"), cells[0]);
  assert.ok(Math.abs(Number(cells[0].split("\t")[1]) - kl.values[0]) < 0.01 * Math.abs(kl.values[0]) + 0.005, `${cells[0]} and ${kl.values[0]}`);
  // Read by the keyboard.
  await card.locator("svg.shape").focus();
  // The first key shows where the reader is: the newest step.
  await page.keyboard.press("Home");
  await page.keyboard.press("Home");
  await card.locator(".tip", { hasText: "On policy 1" }).waitFor();
}

async function its_texts_take_a_recorded_look(story) {
  const { page, run } = story;
  await page.goto(run);
  await page.getByRole("link", { name: "Look at the texts" }).click();
  await page.getByRole("button", { name: "Show the texts" }).click();
  // No reason, no look.
  await page.getByRole("alert").waitFor();
  await page.fill("[name=why]", "do they learn what they should");
  await page.getByRole("button", { name: "Show the texts" }).click();
  await page.getByText("This look is recorded.").waitFor();
  const items = await page.locator(".item").count();
  assert.equal(items, 20);
  assert.equal(await page.locator(".item").first().locator(".answer").count(), 3);
  assert.ok((await page.locator(".item").first().innerText()).includes("what is 30?"));
  // Tokens with both models' opinions, as the trainer told them.
  const told = await page.locator(".sample .tok[title]").count();
  assert.ok(told > 4, `${told} tokens`);
  await page.getByRole("link", { name: "Next items" }).click();
  assert.equal(await page.locator("[name=from]").inputValue(), "21");
  await page.goto("/ledger");
  await page.getByText("do they learn what they should").first().waitFor();
}

async function what_has_ended_is_not_stopped(story) {
  const { page, run } = story;
  await page.goto(run);
  assert.equal(await page.getByRole("link", { name: "Pause" }).count(), 0);
  await page.goto(`${run}/pause`);
  await page.getByRole("button", { name: "Pause run" }).click();
  await page.getByRole("alert").waitFor();
}

async function a_checkpoint_is_exported_and_forked(story) {
  const { house, page, run } = story;
  await page.goto(run);
  await page.getByRole("link", { name: "Export a checkpoint" }).click();
  await page.selectOption("[name=at]", "4");
  await page.getByRole("button", { name: "Write the files" }).click();
  await page.getByText("The student's files are in the run's folder.").waitFor({ timeout: 30_000 });
  const { row } = await house.verb("distill", "show", "tiny");
  await readFile(join(house.folder, "data", "runs", row.id, "student-4", "student-f16.gguf"));
  await page.getByRole("link", { name: "Fork" }).click();
  const offered = await page.locator("[name=at] option").allInnerTexts();
  assert.ok(offered.some((text) => text.startsWith("After step 2, 0.")), offered.join("|"));
  assert.ok(offered.includes("The start model"), offered.join("|"));
  await page.selectOption("[name=at]", "2");
  await page.fill("[name=why]", "another way from here");
  await page.getByRole("button", { name: "Fork run" }).click();
  await page.getByText("The run was forked").waitFor({ timeout: 30_000 });
  const fork = await house.verb("distill", "show", "tiny (fork)");
  assert.equal(fork.parent, row.id);
  assert.equal(new URL(page.url()).pathname, `/runs/${fork.row.id}`);
  await house.verb("distill", "cancel", fork.row.id);
  await page.locator(".way .stopped").waitFor({ timeout: 60_000 });
}

async function what_is_over_can_be_cleaned(story) {
  const { house, page } = story;
  const told = await house.verb("distill", "clean");
  assert.ok(told.bytes > 0 && !told.applied, JSON.stringify(told));
  await page.goto("/runs");
  await page.getByRole("link", { name: "Free space" }).click();
  await page.getByText(told.runs[0].files[0]).first().waitFor();
  await page.fill("[name=why]", "room for others");
  await page.getByRole("button", { name: "Remove the files" }).click();
  await page.getByText("The files are removed.").waitFor();
  assert.deepEqual((await house.verb("distill", "clean")).runs, []);
  // What can't be done is not offered.
  await page.goto("/runs/clean");
  await page.getByText("Nothing can go").waitFor();
  assert.equal(await page.getByRole("button", { name: "Remove the files" }).count(), 0);
}

export default [
  without_a_run_the_board_says_how_to_begin,
  a_run_is_driven_to_its_end,
  its_page_tells_how_it_went,
  its_texts_take_a_recorded_look,
  what_has_ended_is_not_stopped,
  a_checkpoint_is_exported_and_forked,
  what_is_over_can_be_cleaned,
];
