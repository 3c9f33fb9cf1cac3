// Chooses among two models on the web page, in a real browser. Arguments: the server's address, the browser, a folder for screenshots, the models.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [address, executablePath, shots, first, second] = process.argv.slice(2);
const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  for (const [name, viewport] of Object.entries(SIZES)) await visit(name, viewport);
} finally {
  await browser.close();
}
console.log("all is well");

async function visit(name, viewport) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  const problems = [];
  const asked = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => request.method() === "POST" && asked.push(request.postDataJSON()));
  await open(page);
  const choice = page.getByLabel("Model");
  assert.deepEqual(await choice.locator("option").allTextContents(), [first, second]);
  assert.equal(await choice.inputValue(), first);
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `the page is ${content} wide in a window of ${window}`);
  await page.screenshot({ path: `${shots}/${name}-models.png` });

  await choice.selectOption(second);
  await page.selectOption("#size", { index: 3 });
  await page.fill("#prompt", "A red sign");
  await page.fill("#seed", "7");
  const drawn = await draws(page, () => page.click("#draw-button"));
  assert.equal(asked.at(-1).model, second);

  await page.reload();
  await page.waitForSelector("body[data-ready]");
  assert.equal(await choice.inputValue(), second, "the choice is kept");

  await choice.selectOption(first);
  await page.click("#tab-history");
  await page.waitForSelector(".card");
  assert.match(await page.textContent(".card"), new RegExp(second));
  assert.equal(await draws(page, () => page.getByRole("button", { name: /Draw again/ }).click()), drawn, "drawn again by the same model");
  assert.equal(await choice.inputValue(), second);
  assert.equal(asked.at(-1).model, second);

  await page.click("#ask");
  await says(page, "What is it?", 1);
  assert.match(asked.at(-1).messages[0].content[0].image_url.url, /^xomni-image:/);
  await page.fill("#chat-text", "Draw another");
  await page.click("#draw-turn");
  await page.waitForSelector(".message.assistant img");
  await choice.selectOption(first);
  await says(page, "And now?", 3);
  const { model, messages } = asked.at(-1);
  assert.equal(model, first);
  assert.match(messages[0].content[0].image_url.url, /^data:image/, "the other model's pictures are sent as such");
  assert.match(messages[3].content[0].image_url.url, /^data:image/);
  assert.deepEqual(problems, [], "problems on the page");
  await context.close();
}

async function open(page) {
  await page.goto(address);
  await page.waitForSelector("body[data-ready]");
}

async function draws(page, begin) {
  await begin();
  await page.waitForSelector("#picture", { state: "hidden" });
  await page.waitForSelector("#picture:not([hidden])");
  return page.getAttribute("#picture", "src");
}

async function says(page, text, count) {
  await page.fill("#chat-text", text);
  await page.click("#send");
  await page.waitForFunction(
    (n) => document.querySelectorAll(".message.assistant:not(.busy)").length === n && document.getElementById("stop-button").hidden, count);
  assert.equal(await page.locator(".message.error").count(), 0, await page.locator(".messages").textContent());
}
