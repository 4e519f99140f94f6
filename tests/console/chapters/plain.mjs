// Without script: everything that is done with it is done without.
import assert from "node:assert/strict";
import { signIn } from "../sign.mjs";

async function the_house_without_script(story) {
  const { house } = story;
  const context = await story.visitor({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("/live");
  await signIn(page, "alice");
  await page.getByRole("heading", { name: "Live traffic", level: 1 }).waitFor();
  assert.ok(await page.locator("tbody tr").count() > 0);
  assert.equal(await page.getByRole("button", { name: "Pause" }).isVisible(), false);
  await page.getByRole("link", { name: "Reload" }).click();
  await page.locator(".filters [name=model]").fill("small");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/model=small/);
  await page.goto(`/keys/new?account=${story.account.split("/").pop()}`);
  await page.fill("[name=name]", "without script");
  await page.click("text=Create key");
  await page.getByText("Copy the secret now.").waitFor();
  const secret = (await page.locator("main").innerText()).match(/sk-sh-[a-z2-7]{52}/)[0];
  assert.equal(await house.ask(secret), 200);
  await page.goto("/keys?search=without");
  await page.getByRole("link", { name: "Revoke without script" }).click();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await page.getByText("The key was revoked.").waitFor();
  await page.goto("/upkeep/verify");
  await page.getByRole("button", { name: /Verify/ }).click();
  await page.getByText("The ledger is sound.").waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await context.close();
}

export default [the_house_without_script];
