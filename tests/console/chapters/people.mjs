// Operators, roles, tokens, and what each may not do.
import assert from "node:assert/strict";
import { PASSWORD } from "../sign.mjs";

async function invite(story, name, role) {
  const { page } = story;
  await page.goto("/operators/new");
  await page.fill("[name=name]", name);
  await page.selectOption("[name=role]", role);
  await page.click("text=Make invitation");
  await page.getByText("Send this now.").waitFor();
  return (await page.locator("main").innerText()).match(/http:\S+\/invitation#\S+/)[0];
}

async function an_invitation_works_once(story) {
  const link = await invite(story, "vera", "viewer");
  const context = story.viewer = await story.visitor();
  const page = await context.newPage();
  await page.goto(link);
  await page.fill("[name=password]", "short");
  assert.equal(await page.evaluate(() => document.querySelector("form").checkValidity()), false);
  await page.fill("[name=password]", PASSWORD);
  await page.click("text=Set password");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  const other = await (await story.visitor()).newPage();
  await other.goto(link);
  await other.fill("[name=password]", "another long password");
  await other.click("text=Set password");
  await other.getByRole("alert").waitFor();
  await other.context().close();
}

async function a_role_that_may_not_is_told_which_may(story) {
  const page = await story.viewer.newPage();
  for (const [path, role] of [["/accounts/new", "operator or admin"], ["/operators", "admin"], ["/upkeep/backup", "admin"], ["/tokens/new", "admin"]]) {
    const answer = await page.goto(path);
    assert.equal(answer.status(), 403, path);
    assert.ok((await page.locator("main").innerText()).includes(role), path);
  }
  // The page hides nothing that the server would do: a form of an admin, sent by the viewer.
  await page.goto("/");
  const csrf = await page.locator("[name=csrf]").first().inputValue();
  const answer = await page.request.post("/organizations/new", { form: { csrf, name: "Sneaked in" }, headers: { origin: story.house.url }, maxRedirects: 0 });
  assert.equal(answer.status(), 403);
  const { organizations } = await story.house.verb("organization", "list");
  assert.ok(!organizations.some((one) => one.name === "Sneaked in"));
}

async function another_role_holds_without_signing_in_again(story) {
  const { page } = story;
  await page.goto("/operators");
  await page.getByRole("link", { name: "Change vera" }).click();
  await page.selectOption("[name=role]", "operator");
  await page.click("text=Save changes");
  await page.getByText("The operator was changed.").waitFor();
  const theirs = await story.viewer.newPage();
  assert.equal((await theirs.goto("/accounts/new")).status(), 200);
}

async function the_last_admin_stays(story) {
  const { page } = story;
  await page.goto("/operators");
  await page.getByRole("link", { name: "Revoke alice" }).click();
  await page.getByRole("button", { name: "Revoke operator" }).click();
  await page.getByRole("alert").filter({ hasText: "last admin" }).waitFor();
}

async function a_token_calls_the_api_until_revoked(story) {
  const { page, house } = story;
  await page.goto("/tokens/new");
  await page.fill("[name=name]", "deploy");
  await page.click("text=Create token");
  await page.getByText("Copy the secret now.").waitFor();
  const secret = (await page.locator("main").innerText()).match(/ot-sh-[a-z2-7]{52}/)[0];
  const ask = () => fetch(`${house.url}/api/v1/accounts`, { headers: { authorization: `Bearer ${secret}` } });
  assert.equal((await ask()).status, 200);
  await page.goto("/tokens");
  await page.getByRole("link", { name: "Revoke deploy" }).click();
  await page.getByRole("button", { name: "Revoke token" }).click();
  await page.getByText("The token was revoked.").waitFor();
  const answer = await ask();
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("content-type"), /application\/problem\+json/);
}

async function a_revoked_operator_is_out_at_once(story) {
  const { page } = story;
  await page.goto("/operators");
  await page.getByRole("link", { name: "Revoke vera" }).click();
  await page.getByRole("button", { name: "Revoke operator" }).click();
  await page.getByText("The operator was revoked.").waitFor();
  const theirs = await story.viewer.newPage();
  await theirs.goto("/accounts");
  assert.equal(new URL(theirs.url()).pathname, "/sign-in");
  await story.viewer.close();
}

export default [
  an_invitation_works_once,
  a_role_that_may_not_is_told_which_may,
  another_role_holds_without_signing_in_again,
  the_last_admin_stays,
  a_token_calls_the_api_until_revoked,
  a_revoked_operator_is_out_at_once,
];
