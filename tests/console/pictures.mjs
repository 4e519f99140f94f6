// Pictures of a lively house for the README: a filled ledger (see the example `fill` of the crate
// `ledger`), an upstream that answers, and requests while the pictures are taken.
//
//   node pictures.mjs STILLHOUSE LEDGER_FOLDER OUTPUT_FOLDER
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { House, pause } from "./house.mjs";
import { PHONE, launch, visitor } from "./browser.mjs";
import { PASSWORD } from "./sign.mjs";

const [program, ledger, output] = process.argv.slice(2);
const MODELS = [["llama-3.3-70b", "vllm", 0.6, 2.4], ["qwen2.5-7b", "vllm", 0.1, 0.3], ["qwen2.5-coder-32b", "vllm", 0.4, 1.2], ["claude-sonnet", "provider", 3, 15], ["mistral-small", "vllm", 0.2, 0.6], ["bge-m3", "embeddings", 0.02, 0.02]];

function settings(house) {
  const upstream = (name, endpoints) => `[upstreams.${name}]\nkind = "openai"\nservers = ["${house.upstreamUrl}/v1"${name === "vllm" ? `, "${house.upstreamUrl}/b/v1"` : ""}]\nendpoints = [${endpoints}]\n`;
  const models = MODELS.map(([name, from, input, out]) => `[models."${name}"]\nupstream = "${from}"\ncontext_tokens = 131072\ninput_dollars_per_million_tokens = ${input}\noutput_dollars_per_million_tokens = ${out}\n`);
  return `data_dir = "${house.folder}/data"
[server]
listen = ["127.0.0.1:${house.port}"]
public_url = "https://llm.example.com"
[operator]
listen = ["127.0.0.1:${house.operatorPort}"]
[log]
filter = "warn"
[plans.default]
requests_per_minute = 600
[plans.team]
requests_per_minute = 3000
tokens_per_minute = 2000000
[plans.scale]
${upstream("vllm", '"chat", "completions", "models"')}${upstream("provider", '"chat", "models"')}${upstream("embeddings", '"chat", "embeddings", "models"')}${models.join("")}`;
}

const house = await House.start(program, (started) => settings(started), async (started) => cp(ledger, join(started.folder, "data", "ledger"), { recursive: true }));
house.isLively = true;
const browser = await launch();
const faults = [];
const context = await visitor(browser, house, faults, { viewport: { width: 1280, height: 860 } });
const page = await context.newPage();
await page.goto(house.welcome);
await page.fill("[name=name]", "alice");
await page.fill("[name=password]", PASSWORD);
await page.click("text=Begin");
await page.locator("h1").waitFor();

const { accounts } = await house.verb("account", "list", "--limit", "24");
const secrets = [];
for (const account of accounts.filter((one) => one.state === "active").slice(0, 8)) {
  secrets.push((await house.verb("key", "create", "--account", account.id, "--name", "production")).secret);
}
let isOn = true;
const ask = async (first) => {
  for (let round = first; isOn; round += 6) {
    const model = MODELS[(round * 7 + (round >> 2)) % 5][0];
    await house.ask(round % 23 === 22 ? "sk-sh-unknown" : secrets[round % secrets.length], round % 29 === 28 ? "gpt-unknown" : model, { stream: round % 3 > 0 }).catch(() => undefined);
    await pause((round * 37) % 400);
  }
};
const asking = Promise.all([0, 1, 2, 3, 4, 5].map(ask));

async function picture(path, name, { theme = "light", size, before } = {}) {
  if (size) await page.setViewportSize(size);
  await context.addCookies([{ name: "theme", value: theme, url: house.url }]);
  await page.goto(path);
  await before?.();
  await page.screenshot({ path: join(output, `${name}.png`) });
  if (size) await page.setViewportSize({ width: 1280, height: 860 });
}

await pause(6000);
await picture("/", "overview");
await picture("/", "overview-dark", { theme: "dark" });
await picture("/live", "live", { theme: "dark", before: () => pause(4000) });
await picture("/accounts?sort=-spent_dollars", "accounts");
await page.goto("/accounts?sort=-spent_dollars");
const account = await page.locator("tbody th a").first().getAttribute("href");
await picture(account, "account", { size: { width: 1280, height: 1100 } });
await picture("/usage", "usage");
await picture("/cost", "cost");
await picture("/grants", "grants");
await picture("/models", "models");
await picture("/upstreams", "upstreams");
await picture("/ledger", "ledger");
await picture("/keys", "keys");
await picture("/settings", "settings");
await picture("/accounts/new", "new");
await picture("/", "phone", { size: PHONE });
await picture("/live", "phone-live", { size: PHONE });
isOn = false;
await asking;
await browser.close();
await house.end(true);
console.log(faults.join("\n"));
