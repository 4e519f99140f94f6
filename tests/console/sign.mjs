// Signing in, as every operator of the story does.

export const PASSWORD = "copper still and oak cask";

/** Fills in the sign-in page that is open. */
export async function signIn(page, name) {
  await page.fill("[name=name]", name);
  await page.fill("[name=password]", PASSWORD);
  await page.click("button:text('Sign in')");
  await page.locator("nav.side").waitFor({ state: "attached" });
}
