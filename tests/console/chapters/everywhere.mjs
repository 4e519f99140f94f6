// Every page, in both themes and at both widths: axe finds nothing serious, nothing scrolls
// sideways, and each is small.
import assert from "node:assert/strict";
import { PHONE, WIDE, findings, overflow } from "../browser.mjs";

async function pages(story) {
  const { page } = story;
  const first = async (list, selector) => {
    await page.goto(list);
    return page.locator(selector).first().getAttribute("href");
  };
  const account = new URL(story.account).pathname;
  const organization = await first("/organizations", "tbody th a");
  const grant = await first("/grants", "tbody th a");
  const key = await first("/keys?state=live", ".row-acts a");
  const operator = await first("/operators", ".row-acts a");
  const token = await first("/tokens?state=live", ".row-acts a");
  const exchange = await first("/live", "tbody th a");
  const entry = await first("/ledger", "tbody th a");
  return [
    "/", "/live", exchange, "/organizations", organization, "/organizations/new", "/accounts", account,
    `${account}/set`, `${account}/close`, `${account}/erase`, "/accounts/new", "/keys", "/keys/new", key,
    "/grants", grant, `${grant}/narrow`, `${grant}/revoke`, "/grants/new", "/plans", "/plans/team",
    "/runs", "/runs/start", ...(story.run ? [story.run, `${story.run}/text`, `${story.run}/pause`, `${story.run}/cancel`] : []),
    "/models", "/models/large", "/models/large/set", "/upstreams", "/upstreams/vllm", "/upstreams/vllm/set",
    "/ledger", entry, "/cost", "/usage", "/upkeep", "/upkeep/verify", "/upkeep/backup", "/upkeep/export",
    "/upkeep/prune", "/operators", "/operators/new", operator, "/tokens", "/tokens/new", token,
    "/settings", "/settings/reload", "/import", "/nowhere", "/accounts?search=nobody",
  ];
}

async function every_page_in_both_themes_and_widths(story) {
  const { page } = story;
  const faults = [];
  for (const path of await pages(story)) {
    assert.ok(path, "a list has no first row");
    await page.setViewportSize(WIDE);
    await page.goto(path);
    await look(page, path, faults);
  }
  assert.deepEqual(faults, []);
}

async function the_doors_too(story) {
  const context = await story.visitor();
  const page = await context.newPage();
  const faults = [];
  for (const path of ["/sign-in", "/invitation"]) {
    await page.goto(path);
    await look(page, path, faults);
  }
  assert.deepEqual(faults, []);
  await context.close();
}

async function look(page, path, faults) {
  for (const [size, name] of [[WIDE, "wide"], [PHONE, "phone"]]) {
    await page.setViewportSize(size);
    const beyond = await overflow(page);
    if (beyond > 0) faults.push(`${path}: ${beyond} px too wide (${name})`);
    for (const theme of ["light", "dark"]) {
      await page.evaluate((given) => { document.documentElement.dataset.theme = given; }, theme);
      faults.push(...await findings(page, `${path} ${name} ${theme}`));
    }
  }
}

async function the_largest_pages_are_small(story) {
  const sizes = [...story.context.sizes].sort((left, right) => right[1] - left[1]);
  const [largest, bytes] = sizes[0];
  console.log(`    ${sizes.length} pages, the largest ${(bytes / 1024).toFixed(1)} KiB: ${new URL(largest).pathname}`);
}

async function goodbye(story) {
  const { page } = story;
  await page.setViewportSize(WIDE);
  await page.goto("/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goto("/accounts");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
}

export default [
  every_page_in_both_themes_and_widths,
  the_doors_too,
  the_largest_pages_are_small,
  goodbye,
];
