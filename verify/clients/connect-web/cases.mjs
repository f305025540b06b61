// @connectrpc/connect-web in headless Chromium, from a page of another origin than the server:
// `cases.mjs URL DESCRIPTORS`.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const [url, descriptors] = process.argv.slice(2);
const entry = new URL("page.mjs", import.meta.url).pathname;
const bundle = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false });

const pages = {
  "/": ["text/html", '<!doctype html><script type="module" src="/page.js"></script>'],
  "/page.js": ["text/javascript", bundle.outputFiles[0].contents],
  "/descriptors": ["application/octet-stream", readFileSync(descriptors)],
};
const server = createServer((request, response) => {
  const [type, content] = pages[request.url] ?? ["text/plain", ""];
  response.writeHead(pages[request.url] ? 200 : 404, { "content-type": type }).end(content);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const profile = mkdtempSync(join(tmpdir(), "connect-web-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
let lines = [];
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => "run" in globalThis);
  lines = await page.evaluate((base) => globalThis.run(base), url);
  console.error(`Chromium ${browser.browser()?.version() ?? ""}, page from ${page.url()}`);
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(lines.join("\n"));
process.exitCode = lines.length === 0 || lines.some((line) => line.includes("\tFAILED")) ? 1 : 0;
