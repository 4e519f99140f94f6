// Changes: limits, grants, switches, keys, the ledger's check, cost, settings.
import assert from "node:assert/strict";

async function limits_hold_at_once(story) {
  const { page, house, secret } = story;
  await page.goto(`${story.account}/set`);
  await page.fill("[name='limits.requests_per_minute']", "many");
  await page.click("text=Save changes");
  assert.equal(await page.locator("[name='limits.requests_per_minute']").getAttribute("aria-invalid"), "true");
  assert.equal(await page.locator("[name='limits.requests_per_minute']").inputValue(), "many");
  await page.fill("[name='limits.requests_per_minute']", "1");
  await page.fill("[name=why]", "they asked to be held");
  await page.click("text=Save changes");
  await page.getByText("The account was changed.").waitFor();
  await house.ask(secret);
  assert.equal(await house.ask(secret), 429);
  await page.goto(`${story.account}/set`);
  await page.fill("[name='limits.requests_per_minute']", "600");
  await page.fill("[name='spend.dollars']", "25.50");
  await page.click("text=Save changes");
  await page.getByText("The account was changed.").waitFor();
  assert.equal(await house.ask(secret), 200);
  assert.ok((await page.locator("main").innerText()).includes("$25.5"));
}

async function a_stale_tab_writes_nothing_over(story) {
  const { page, context } = story;
  const other = await context.newPage();
  await page.goto(`${story.account}/set`);
  await other.goto(`${story.account}/set`);
  await page.fill("[name='limits.concurrency']", "7");
  await page.click("text=Save changes");
  await page.getByText("The account was changed.").waitFor();
  await other.fill("[name='limits.concurrency']", "3");
  const [answer] = await Promise.all([other.waitForResponse((response) => response.request().method() === "POST"), other.click("text=Save changes")]);
  assert.equal(answer.status(), 412);
  await other.getByRole("alert").waitFor();
  const shown = await story.house.verb("account", "show", new URL(story.account).pathname.split("/").pop());
  assert.equal(shown.limits.concurrency, 7);
  await other.close();
}

async function a_grant_is_issued_narrowed_and_revoked(story) {
  const { page, house } = story;
  await page.goto(story.account);
  await page.getByRole("link", { name: "Issue grant" }).first().click();
  await page.getByLabel("large", { exact: true }).check();
  await page.fill("[name=purpose]", "a small extraction model");
  await page.selectOption("[name=tier]", "topk");
  await page.fill("[name=budget_dollars]", "50");
  await page.fill("[name=expires]", "30d");
  await page.click("main button:text('Issue grant')");
  await page.getByText("Copy the token now.").waitFor();
  const token = (await page.locator("main").innerText()).match(/gt-sh-[a-z2-7]{52}/)[0];
  assert.equal(await house.ask(token), 200);
  await page.getByRole("link", { name: "To the grant" }).click();
  const grant = page.url();
  await page.getByRole("link", { name: "Narrow" }).click();
  await page.selectOption("[name=tier]", "judge");
  await page.fill("[name=why]", "no log-probabilities needed");
  await page.locator("main form button").click();
  await page.getByText("The grant is narrower now.").waitFor();
  assert.equal(await house.ask(token, "large", { logprobs: true }), 403);
  await page.goto(`${grant}/narrow`);
  await page.selectOption("[name=tier]", "train");
  await page.locator("main form button").click();
  await page.getByRole("alert").waitFor();
  await page.goto(grant);
  await page.getByRole("link", { name: "Revoke" }).click();
  // A destructive act says what it hits.
  assert.match(await page.locator("main").innerText(), /research/);
  await page.getByRole("button", { name: "Revoke grant" }).click();
  await page.getByText("The grant was revoked.").waitFor();
  assert.equal(await house.ask(token), 401);
}

async function a_model_is_switched_off_and_on(story) {
  const { page, house, secret } = story;
  for (const [isOn, status] of [[false, 503], [true, 200]]) {
    await page.goto("/models/small");
    await page.locator("main .acts a").filter({ hasText: /switch/i }).first().click();
    await page.fill("[name=why]", "new weights");
    await page.locator("main form button").click();
    await page.getByText("The model was switched.").waitFor();
    const answered = await house.ask(secret, "small");
    assert.equal(answered, status, `the model is ${isOn ? "on" : "off"}`);
  }
}

async function a_key_is_revoked(story) {
  const { page, house } = story;
  await page.goto(story.account);
  await page.getByRole("link", { name: "New key" }).first().click();
  await page.fill("[name=name]", "lost");
  await page.click("text=Create key");
  await page.getByText("Copy the secret now.").waitFor();
  const secret = (await page.locator("main").innerText()).match(/sk-sh-[a-z2-7]{52}/)[0];
  assert.equal(await house.ask(secret), 200);
  await page.goto("/keys?search=lost");
  await page.getByRole("link", { name: "Revoke lost" }).click();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await page.getByText("The key was revoked.").waitFor();
  assert.equal(await house.ask(secret), 401);
}

async function the_ledger_is_walked_and_verified(story) {
  const { page } = story;
  await page.goto("/ledger");
  await page.locator("main tbody th a").first().click();
  await page.getByText(/Entry before|Before/).first().waitFor();
  await page.goto("/ledger");
  await page.getByRole("link", { name: "Verify" }).click();
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText("The ledger is sound.").waitFor({ timeout: 30_000 });
}

async function cost_as_a_page_and_as_a_file(story) {
  const { page } = story;
  await page.goto("/cost");
  await page.getByText("Together").waitFor();
  await page.goto("/cost?by=account");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download CSV")]);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  const lines = Buffer.concat(parts).toString().trim().split("\r\n");
  assert.match(lines[0], /^account,account_name,model,day,requests/);
  assert.ok(lines.some((line) => line.includes(',"research",')), lines.join("\n"));
}

async function use_over_time_is_a_plot_and_a_table(story) {
  const { page } = story;
  await page.goto("/usage");
  const plot = page.locator("[data-plot]").first();
  await plot.locator("svg.shape").hover();
  await plot.locator(".tip").waitFor();
  await plot.locator("summary").click();
  assert.ok(await plot.locator("tbody tr").count() > 0);
}

async function lists_keep_their_state_in_the_address(story) {
  const { page } = story;
  await page.goto("/accounts?search=res");
  await page.locator("thead").getByRole("link", { name: "Name" }).click();
  await page.waitForURL(/search=res.*sort=name|sort=name.*search=res/);
  assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
  await page.reload();
  assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
  assert.equal(await page.locator("[name=search]").inputValue(), "res");
}

async function settings_say_where_they_are_from(story) {
  const { page } = story;
  await page.goto("/settings");
  assert.ok((await page.locator("main").innerText()).includes("stillhouse.toml"));
  await page.goto("/settings/reload");
  await page.locator("main form button").click();
  await page.locator(".note-box").first().waitFor();
}

export default [
  limits_hold_at_once,
  a_stale_tab_writes_nothing_over,
  a_grant_is_issued_narrowed_and_revoked,
  a_model_is_switched_off_and_on,
  a_key_is_revoked,
  the_ledger_is_walked_and_verified,
  cost_as_a_page_and_as_a_file,
  use_over_time_is_a_plot_and_a_table,
  lists_keep_their_state_in_the_address,
  settings_say_where_they_are_from,
];
