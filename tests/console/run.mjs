// The console in a real browser against a running server, as one long story: each chapter goes on
// where the one before ended. The first that fails ends it; a picture of each open page is kept.
//
//   node run.mjs STILLHOUSE [CHAPTER…]       (see scripts/test-console.sh)
import { join } from "node:path";
import { House } from "./house.mjs";
import { launch, visitor } from "./browser.mjs";
import begin from "./chapters/begin.mjs";
import traffic from "./chapters/traffic.mjs";
import change from "./chapters/change.mjs";
import people from "./chapters/people.mjs";
import hostile from "./chapters/hostile.mjs";
import keyboard from "./chapters/keyboard.mjs";
import plain from "./chapters/plain.mjs";
import everywhere from "./chapters/everywhere.mjs";

const chapters = { begin, traffic, change, people, hostile, keyboard, plain, everywhere };
const [program, ...only] = process.argv.slice(2);
const house = await House.start(program);
const browser = await launch();
const faults = [];
const story = { house, browser, faults, visitor: (options) => visitor(browser, house, faults, options) };
let fault;
let passed = 0;

async function told(chapter, test) {
  const name = `${chapter}: ${test.name.replaceAll("_", " ")}`;
  const before = Date.now();
  await test(story);
  if (faults.length) throw new Error(faults.join("\n"));
  passed += 1;
  console.log(`ok  ${name} (${((Date.now() - before) / 1000).toFixed(1)} s)`);
}

try {
  for (const [chapter, tests] of Object.entries(chapters)) {
    if (only.length && chapter !== "begin" && !only.includes(chapter)) continue;
    for (const test of tests) await told(chapter, test);
  }
} catch (error) {
  fault = error;
  let number = 0;
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    number += 1;
    const path = join(house.folder, `failed-${number}.png`);
    await page.screenshot({ path, fullPage: true }).catch(() => undefined);
    console.error(`open: ${page.url()} (${path})`);
  }
}
await browser.close();
await house.end(!fault).catch((error) => { fault ??= error; });
if (fault) {
  console.error(fault.stack ?? String(fault));
  process.exit(1);
}
console.log(`${passed} tests passed`);
