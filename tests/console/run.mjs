// The console in a real browser against a running server, as one long story: each chapter goes on
// where the one before ended. Of a test that fails a picture of each open page is kept.
//
//   node run.mjs STILLHOUSE [CHAPTER…]       (see scripts/test-console.sh)
import { join } from "node:path";
import { House } from "./house.mjs";
import { launch, visitor } from "./browser.mjs";
import begin from "./chapters/begin.mjs";
import traffic from "./chapters/traffic.mjs";
import change from "./chapters/change.mjs";
import runs from "./chapters/runs.mjs";
import people from "./chapters/people.mjs";
import hostile from "./chapters/hostile.mjs";
import keyboard from "./chapters/keyboard.mjs";
import plain from "./chapters/plain.mjs";
import everywhere from "./chapters/everywhere.mjs";

const chapters = { begin, traffic, change, runs, people, hostile, keyboard, plain, everywhere };
const [program, ...only] = process.argv.slice(2);
const house = await House.start(program);
const browser = await launch();
const faults = [];
const story = { house, browser, faults, visitor: (options) => visitor(browser, house, faults, options) };
let passed = 0;
let failed = 0;

/** One test; a failure is told with a picture of each page that is open. */
async function told(chapter, test) {
  const name = `${chapter}: ${test.name.replaceAll("_", " ")}`;
  const before = Date.now();
  try {
    await test(story);
    if (faults.length) throw new Error(faults.join("\n"));
    passed += 1;
    console.log(`ok  ${name} (${((Date.now() - before) / 1000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack ?? error}`);
    await pictures();
    faults.length = 0;
    return false;
  }
}

async function pictures() {
  let number = 0;
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    number += 1;
    const path = join(house.folder, `failed-${failed}-${number}.png`);
    await page.screenshot({ path, fullPage: true }).catch(() => undefined);
    console.log(`open: ${page.url()} (${path})`);
  }
}

/** The chapters in order. Without its beginning there is no story. */
async function tell() {
  for (const [chapter, tests] of Object.entries(chapters)) {
    if (only.length && chapter !== "begin" && !only.includes(chapter)) continue;
    for (const test of tests) {
      const isGood = await told(chapter, test);
      if (!isGood && chapter === "begin") return;
    }
  }
}

await tell();
await browser.close();
const fault = await house.end(failed === 0).then(() => undefined, (error) => error);
if (fault) console.log(fault.stack);
console.log(`${passed} passed, ${failed} failed`);
if (failed || fault) process.exit(1);
