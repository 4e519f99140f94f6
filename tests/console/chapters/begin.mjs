// The first start: the one-time link, the first admin, an empty house, and its first customer.
import assert from "node:assert/strict";
import { PASSWORD, signIn } from "../sign.mjs";

async function a_stranger_is_sent_to_the_link(story) {
  const context = await story.visitor();
  const page = await context.newPage();
  await page.goto("/accounts");
  assert.equal(new URL(page.url()).pathname, "/welcome");
  await page.fill("[name=name]", "mallory");
  await page.fill("[name=secret]", "guessed");
  await page.fill("[name=password]", PASSWORD);
  await page.click("text=Begin");
  await page.getByRole("alert").filter({ hasText: "not the secret" }).waitFor();
  await context.close();
}

async function the_link_makes_the_first_admin_once(story) {
  const link = story.house.welcome;
  assert.ok(link, "the server printed no link");
  story.context = await story.visitor({ permissions: ["clipboard-read", "clipboard-write"] });
  const page = story.page = await story.context.newPage();
  await page.goto(link);
  // The secret is out of the address bar, the history and the reader's way.
  assert.ok(!page.url().includes("#"));
  await page.fill("[name=name]", "alice");
  await page.fill("[name=password]", PASSWORD);
  await page.click("text=Begin");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await page.getByRole("heading", { name: "Begin here" }).waitFor();
  const again = await (await story.visitor()).newPage();
  await again.goto(link);
  assert.equal(new URL(again.url()).pathname, "/sign-in");
  await again.context().close();
}

async function out_and_in_again(story) {
  const { page } = story;
  await page.click("text=Sign out");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goBack().catch(() => undefined);
  await page.goto("/keys?sort=name");
  await page.fill("[name=name]", "alice");
  await page.fill("[name=password]", "not this password");
  await page.click("button:text('Sign in')");
  await page.getByRole("alert").filter({ hasText: "name or the password is wrong" }).waitFor();
  await signIn(page, "alice");
  // Back to what was asked for.
  assert.equal(page.url(), `${story.house.url}/keys?sort=name`);
}

async function empty_rooms_say_what_to_do(story) {
  const { page } = story;
  for (const [room, next] of [["organizations", "New organisation"], ["accounts", "New account"], ["keys", "New key"], ["grants", "Issue grant"], ["tokens", "New token"]]) {
    await page.goto(`/${room}`);
    await page.locator(".empty").getByRole("link", { name: next }).waitFor();
  }
}

async function the_first_customer(story) {
  const { page } = story;
  await page.goto("/");
  await page.click("text=New organisation");
  await page.click("text=Create organisation");
  // Nothing was filled in: the fault stands at its field.
  assert.equal(await page.locator("#f-name").getAttribute("aria-invalid"), "true");
  await page.fill("[name=name]", "Northwind Labs");
  await page.click("text=Create organisation");
  await page.getByText("The organisation was created.").waitFor();
  await page.goto("/accounts/new");
  await page.fill("[name=name]", "research");
  await page.selectOption("[name=organization]", { label: "Northwind Labs" });
  await page.selectOption("[name=plan]", "team");
  await page.fill("[name=why]", "they signed");
  await page.click("text=Create account");
  await page.getByText("The account was created.").waitFor();
  story.account = page.url().split("?")[0];
}

async function a_key_is_shown_once_and_works(story) {
  const { page, house } = story;
  await page.goto(story.account);
  await page.getByRole("link", { name: "New key" }).first().click();
  await page.fill("[name=name]", "laptop");
  await page.click("text=Create key");
  await page.getByText("Copy the secret now.").waitFor();
  await page.locator("[data-copy]").first().click();
  story.secret = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(story.secret, /^sk-sh-[a-z2-7]{52}$/);
  assert.equal(await house.ask(story.secret), 200);
  // Never again: not on the account, not in the list, not by going back.
  for (const path of [story.account, "/keys"]) {
    await page.goto(path);
    assert.ok(!(await page.content()).includes(story.secret), path);
    assert.ok((await page.content()).includes(story.secret.slice(0, 12)), path);
  }
}

export default [
  a_stranger_is_sent_to_the_link,
  the_link_makes_the_first_admin_once,
  out_and_in_again,
  empty_rooms_say_what_to_do,
  the_first_customer,
  a_key_is_shown_once_and_works,
];
