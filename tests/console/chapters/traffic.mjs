// Traffic as it comes: rows that arrive by themselves, pause, filters, and one exchange in depth.
import assert from "node:assert/strict";

const rows = (page) => page.locator("[data-live] tbody tr").count();
async function until(what, test) {
  for (let round = 0; round < 100; round += 1) {
    if (await test()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`not within 10 s: ${what}`);
}

async function requests_arrive_by_themselves(story) {
  const { page, house, secret } = story;
  await page.goto("/live");
  await page.locator("[data-live-state]", { hasText: "Live" }).waitFor();
  const before = await rows(page);
  assert.equal(await house.ask(secret), 200);
  assert.equal(await house.ask(secret, "small", { stream: true }), 200);
  assert.equal(await house.ask(secret, "broken"), 500);
  assert.equal(await house.ask(secret, "unheard-of"), 404);
  assert.equal(await house.ask("sk-sh-wrong"), 401);
  await until("five rows", async () => await rows(page) === before + 5);
  const text = await page.locator("[data-live] tbody").innerText();
  for (const part of ["research", "small", "Upstream error", "Model not found", "Invalid api key"]) assert.ok(text.includes(part), `${part} in ${text}`);
}

async function paused_rows_wait(story) {
  const { page, house, secret } = story;
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await rows(page);
  await house.ask(secret);
  await house.ask(secret);
  await page.getByText("Paused, 2 waiting").waitFor();
  assert.equal(await rows(page), before);
  await page.getByRole("button", { name: "Go on" }).click();
  await until("two more rows", async () => await rows(page) === before + 2);
}

async function filters_hold_for_what_comes(story) {
  const { page, house, secret } = story;
  await page.locator(".filters [name=model]").fill("small");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/model=small/);
  await page.locator("[data-live-state]", { hasText: "Live" }).waitFor();
  const before = await rows(page);
  await house.ask(secret, "large");
  await house.ask(secret, "small");
  await until("one row", async () => await rows(page) === before + 1);
  const models = await page.locator("[data-live] tbody td:nth-child(3)").allInnerTexts();
  assert.deepEqual([...new Set(models)], ["small"]);
}

async function one_exchange_in_depth(story) {
  const { page } = story;
  await page.locator("[data-live] tbody th a").first().click();
  await page.waitForURL(/\/exchanges\/\d+$/);
  const text = await page.locator("main").innerText();
  for (const part of ["research", "small", "40 tokens", "12 tokens", "/v1/chat/completions", "No text of it is kept"]) assert.ok(text.includes(part), `${part} in ${text}`);
  assert.ok(!text.includes("What is a still house?"));
}

async function text_that_is_kept_takes_a_recorded_look(story) {
  const { page, house, secret } = story;
  assert.equal(await house.ask(secret, "large", { store: true }), 200);
  await page.goto("/live");
  await page.locator("[data-live] tbody th a").first().click();
  await page.getByRole("link", { name: "Look at the text" }).click();
  await page.fill("[name=why]", "a complaint of theirs");
  await page.getByRole("button", { name: "Show the text" }).click();
  await page.getByText("This look is recorded.").waitFor();
  assert.ok((await page.locator("main").innerText()).includes("What is a still house?"));
  await page.goto("/ledger");
  await page.getByText("a complaint of theirs").waitFor();
}

async function a_browser_that_goes_away_leaves_nothing(story) {
  const context = await story.visitor({ storageState: await story.context.storageState() });
  for (let round = 0; round < 8; round += 1) {
    const page = await context.newPage();
    await page.goto("/live");
    await page.locator("[data-live-state]", { hasText: "Live" }).waitFor();
    await page.close();
  }
  await context.close();
  await story.page.goto("/live");
  await story.page.locator("[data-live-state]", { hasText: "Live" }).waitFor();
}

export default [
  requests_arrive_by_themselves,
  paused_rows_wait,
  filters_hold_for_what_comes,
  one_exchange_in_depth,
  text_that_is_kept_takes_a_recorded_look,
  a_browser_that_goes_away_leaves_nothing,
];
