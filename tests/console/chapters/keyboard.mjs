// The keyboard alone: in, over the skip link to the matter, a form filled in and sent, a plot read.
import assert from "node:assert/strict";
import { PASSWORD } from "../sign.mjs";

/** What has the focus: its name, and whether the focus can be seen. */
const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    what: `${at.tagName.toLowerCase()} ${at.getAttribute("name") ?? at.textContent.trim().slice(0, 40)}`,
    isPage: at === document.body,
    isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || at.classList.contains("skip"),
    isThere: box.width > 0 && box.height > 0,
  };
});

async function from_the_door_to_a_new_organisation(story) {
  const context = await story.visitor();
  const page = await context.newPage();
  await page.goto("/organizations");
  const tabTo = async (name) => {
    for (let tab = 0; tab < 60; tab += 1) {
      await page.keyboard.press("Tab");
      if ((await focused(page)).what.includes(name)) return;
    }
    assert.fail(`no tab reaches ${name}`);
  };
  await tabTo("input name");
  await page.keyboard.type("alice");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Organisations", level: 1 }).waitFor();
  // The first tab is the way past the rooms.
  await page.keyboard.press("Tab");
  assert.match((await focused(page)).what, /Skip to content/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.match((await focused(page)).what, /New organisation/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "New organisation", level: 1 }).waitFor();
  await tabTo("input name");
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Enter");
  await page.getByText("The organisation was created.").waitFor();
  await context.close();
}

async function every_stop_is_seen(story) {
  const { page } = story;
  for (const path of ["/", "/live", "/accounts", "/accounts/new", story.account, "/cost", "/usage"]) {
    await page.goto(path);
    let stops = 0;
    for (let tab = 0; tab < 120; tab += 1) {
      await page.keyboard.press("Tab");
      const at = await focused(page);
      if (at.isPage) break;
      stops += 1;
      assert.ok(at.isSeen && at.isThere, `${path}: ${at.what}`);
    }
    assert.ok(stops > 20, `${path} has ${stops} stops`);
  }
}

async function rooms_search_and_plots_by_keys(story) {
  const { page } = story;
  await page.goto("/");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForURL(/\/accounts$/);
  await page.keyboard.press("/");
  await page.keyboard.type("g a");
  assert.equal(await page.locator("input[type=search]").inputValue(), "g a");
  await page.goto("/usage");
  await page.locator("[data-plot] svg.shape").first().focus();
  await page.keyboard.press("End");
  const last = await page.locator("[data-plot] .tip").first().innerText();
  await page.keyboard.press("ArrowLeft");
  assert.notEqual(await page.locator("[data-plot] .tip").first().innerText(), last);
  await page.keyboard.press("Escape");
  await page.locator("[data-plot] .tip").first().waitFor({ state: "hidden" });
}

async function the_menu_of_a_phone(story) {
  const context = await story.visitor({ viewport: { width: 390, height: 844 }, storageState: await story.context.storageState() });
  const page = await context.newPage();
  await page.goto("/");
  await page.getByRole("link", { name: "Menu" }).click();
  await page.locator("nav.side").getByRole("link", { name: "Accounts" }).click();
  await page.getByRole("heading", { name: "Accounts", level: 1 }).waitFor();
  await context.close();
}

export default [
  from_the_door_to_a_new_organisation,
  every_stop_is_seen,
  rooms_search_and_plots_by_keys,
  the_menu_of_a_phone,
];
