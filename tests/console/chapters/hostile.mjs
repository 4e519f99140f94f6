// Forged posts, markup in every name, a session that ended, addresses that are nothing.
import assert from "node:assert/strict";
import { signIn } from "../sign.mjs";

const MARKUP = `<img src=x onerror="alert(1)"><b>bold</b>&amp;'"`;

async function a_strangers_page_can_send_nothing(story) {
  const { house, context } = story;
  house.evil = `<form method="post" action="${house.url}/organizations/new"><input name="name" value="Forged"></form><script>document.forms[0].submit()</script>`;
  const page = await context.newPage();
  page.isStranger = true;
  // localhost is another site than 127.0.0.1.
  const sent = page.waitForResponse((response) => response.request().method() === "POST");
  await page.goto(house.upstreamUrl.replace("127.0.0.1", "localhost") + "/evil");
  const answer = await sent;
  assert.equal(answer.status(), 403);
  assert.equal((await answer.request().allHeaders()).cookie, undefined);
  await page.close();
  // With the cookie and without the session's token, and with the cookie and another origin.
  const cookie = (await context.cookies(house.url)).map(({ name, value }) => `${name}=${value}`).join("; ");
  const post = (headers, body) => fetch(`${house.url}/organizations/new`, { method: "POST", redirect: "manual", headers: { cookie, "content-type": "application/x-www-form-urlencoded", ...headers }, body });
  await story.page.goto("/");
  const csrf = await story.page.locator("[name=csrf]").first().inputValue();
  assert.equal((await post({ origin: house.url }, "name=Forged")).status, 403);
  assert.equal((await post({ origin: "http://evil.test" }, `name=Forged&csrf=${csrf}`)).status, 403);
  const { organizations } = await house.verb("organization", "list");
  assert.ok(!organizations.some((one) => one.name === "Forged"));
}

async function markup_in_every_name_is_text(story) {
  const { page, house } = story;
  await page.goto("/organizations/new");
  await page.fill("[name=name]", MARKUP);
  await page.fill("[name=why]", MARKUP);
  await page.click("text=Create organisation");
  await page.getByText("The organisation was created.").waitFor();
  await page.goto("/accounts/new");
  await page.fill("[name=name]", MARKUP);
  await page.selectOption("[name=organization]", { label: MARKUP });
  await page.click("text=Create account");
  await page.getByText("The account was created.").waitFor();
  const account = page.url().split("?")[0];
  await page.goto(`/keys/new?account=${account.split("/").pop()}`);
  await page.fill("[name=name]", MARKUP);
  await page.click("text=Create key");
  await page.getByText("Copy the secret now.").waitFor();
  const secret = (await page.locator("main").innerText()).match(/sk-sh-[a-z2-7]{52}/)[0];
  await page.goto(`/grants/new?account=${account.split("/").pop()}`);
  await page.getByLabel("large", { exact: true }).check();
  await page.fill("[name=purpose]", MARKUP);
  await page.selectOption("[name=tier]", "text");
  await page.fill("[name=budget_dollars]", "1");
  await page.fill("[name=expires]", "1d");
  await page.click("main button:text('Issue grant')");
  await page.getByText("Copy the token now.").waitFor();
  await page.goto("/tokens/new");
  await page.fill("[name=name]", MARKUP);
  await page.click("text=Create token");
  await page.getByText("Copy the secret now.").waitFor();
  await page.goto("/live");
  await page.locator("[data-live-state]", { hasText: "Live" }).waitFor();
  await house.ask(secret);
  await house.ask(secret, MARKUP);
  await page.locator("[data-live] tbody td:nth-child(2)", { hasText: MARKUP }).first().waitFor();
  await page.locator("[data-live] tbody td:nth-child(3)", { hasText: MARKUP }).first().waitFor();
  for (const path of ["/organizations", "/accounts", "/keys", "/grants", "/tokens", "/live", "/ledger", account, `${account}/close`, `/accounts?search=${encodeURIComponent(MARKUP)}`, `/nowhere/${encodeURIComponent(MARKUP)}`, `/sign-in?next=${encodeURIComponent(MARKUP)}`, `/ledger?from=${encodeURIComponent(MARKUP)}`]) {
    await page.goto(path);
    assert.equal(await page.locator("main img, main b, main script").count(), 0, path);
  }
  await page.goto(account);
  assert.equal(await page.locator("h1").innerText(), MARKUP);
}

async function an_ended_session_is_asked_in_again(story) {
  const { page, house } = story;
  await page.goto("/organizations/new");
  await page.fill("[name=name]", "Too late");
  // Sessions are in memory: a new start ends them all.
  await house.stop();
  await house.serve();
  assert.equal(house.welcome, undefined);
  await page.click("text=Create organisation");
  await page.getByText(/sign in/i).first().waitFor();
  const { organizations } = await house.verb("organization", "list");
  assert.ok(!organizations.some((one) => one.name === "Too late"));
  await page.goto("/accounts?sort=name");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  await signIn(page, "alice");
  assert.equal(page.url(), `${house.url}/accounts?sort=name`);
}

async function addresses_that_are_nothing(story) {
  const { page } = story;
  for (const [path, status] of [["/nowhere", 404], ["/accounts/nobody", 404], ["/accounts/acct_0", 400], ["/exchanges/999999", 404], ["/models/none", 404], ["/accounts?sort=colour", 400], ["/accounts?limit=x&after=%00", 400], ["/ledger?from=99999999", 200]]) {
    const answer = await page.goto(path);
    assert.equal(answer.status(), status, path);
    assert.ok(await page.locator("h1").count() === 1, path);
  }
}

export default [
  a_strangers_page_can_send_nothing,
  markup_in_every_name_is_text,
  an_ended_session_is_asked_in_again,
  addresses_that_are_nothing,
];
