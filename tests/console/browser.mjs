// The browser, and what holds on every page it opens: no error in its console, no breach of the
// content-security policy, no dialog, nothing from elsewhere, and less than 100 KiB.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };
const MOST_BYTES = 100 * 1024;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Debian's wrapper adds its own; a container has no user namespaces and little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
}

/** A fresh browser profile whose pages tell every fault to `faults`. */
export async function visitor(browser, house, faults, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, baseURL: house.url, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(15_000);
  if (options.javaScriptEnabled !== false) {
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy breach: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
  }
  const sizes = new Map();
  context.on("page", (page) => watch(page, house, faults, sizes));
  context.sizes = sizes;
  return context;
}

function watch(page, house, faults, sizes) {
  page.on("console", (message) => {
    // A refusal that a test asks for is told by the browser too.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded");
    if (message.type() === "error" && !isStatus) faults.push(`console of ${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script of ${page.url()}: ${error}`));
  page.on("dialog", (dialog) => { faults.push(`dialog on ${page.url()}: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    const isOurs = url.startsWith(house.url) || url.startsWith("data:");
    if (!isOurs && !page.isStranger) faults.push(`${page.url()} asks for ${url}`);
  });
  page.on("response", async (response) => {
    const kind = response.headers()["content-type"] ?? "";
    if (!kind.startsWith("text/html") || !response.url().startsWith(house.url)) return;
    if (response.status() >= 500) faults.push(`${response.url()} answers ${response.status()}`);
    const bytes = await response.body().then((body) => body.length, () => 0);
    sizes.set(response.url(), Math.max(bytes, sizes.get(response.url()) ?? 0));
    if (bytes > MOST_BYTES) faults.push(`${response.url()} has ${bytes} bytes`);
  });
}

/** Serious and critical findings of axe on the page as it stands. */
export async function findings(page, what) {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe);
  const options = { resultTypes: ["violations"] };
  const { violations } = await page.evaluate((given) => window.axe.run(document, given), options);
  return violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${what}: ${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

/** By how many pixels the page is wider than the window. */
export async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
