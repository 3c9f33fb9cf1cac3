// Uses the web page as a person would, in a real browser. Arguments: the server's address, the browser, an image, a folder for
// screenshots.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [address, executablePath, picture, shots] = process.argv.slice(2);
const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  for (const [name, viewport] of Object.entries(SIZES)) await visit(name, viewport);
} finally {
  await browser.close();
}
console.log("all is well");

async function visit(name, viewport) {
  const context = await browser.newContext({ viewport, colorScheme: name === "phone" ? "dark" : "light", hasTouch: name === "phone" });
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) problems.push(`asked ${request.url()}`);
  });
  await page.goto(address);
  await page.waitForSelector("body[data-ready]");
  assert.equal(await page.isVisible("#model-choice"), false, "there is nothing to choose");
  await everythingHasAName(page);
  await noSidewaysScrolling(page);
  await shoot(page, name, "1-draw-empty");

  const first = await drawsAndShowsProgress(page, name);
  await cancels(page, name);
  await chatsAboutAnImage(page, name);
  await rerunsFromHistory(page, name, first);
  await keysMoveBetweenTabs(page);
  assert.deepEqual(problems, [], "problems on the page");
  await context.close();
}

async function drawsAndShowsProgress(page, name) {
  await page.fill("#prompt", "A blue sign that says “OPEN” in white letters");
  await page.selectOption("#size", { index: 0 });
  await page.fill("#seed", "7");
  await page.fill("#guidance", "2");
  await listen(page);
  await page.press("#prompt", "Control+Enter");
  const heard = [];
  const seen = { grid: false, preview: false, left: false };
  await page.waitForFunction(() => /Drawing: [1-9]\d* of \d+ tokens/.test(document.getElementById("status").textContent));
  for (let i = 0; i < 400 && !(await page.isVisible("#picture")); i++) {
    heard.push(await page.$eval("#progress", (progress) => progress.value));
    const now = await page.evaluate(() => {
      const grid = document.getElementById("grid");
      const preview = document.getElementById("preview");
      return {
        // Near its corner: a tile is small until its token is known. There are 18 in a row.
        grid: !grid.hidden && grid.getContext("2d").getImageData(Math.round(grid.width / 18 / 8), Math.round(grid.width / 18 / 2), 1, 1).data[3] > 0,
        preview: !preview.hidden && preview.naturalWidth === 288,
        left: /about \d+ (s|min) left/.test(document.getElementById("status").textContent),
      };
    });
    for (const what of Object.keys(seen)) seen[what] ||= now[what];
    if (i === 3) await shoot(page, name, "2-drawing");
    await page.waitForTimeout(30);
  }
  const growing = heard.filter((value) => value > 0);
  assert.ok(new Set(growing).size >= 3, `progress moves: ${heard}`);
  assert.deepEqual(growing, [...growing].sort((a, b) => a - b), "progress never goes back");
  assert.deepEqual(seen, { grid: true, preview: true, left: true }, "the grid fills up, a preview is shown, and how long it takes");
  await page.waitForSelector("#picture:not([hidden])");
  assert.match(await page.textContent("#status"), /288 × 288, seed 7/);
  assert.deepEqual(await page.evaluate(() => window.announced), ["Waiting for a place …", "Drawing", "Painting", "288 × 288, seed 7"], "what is read aloud");
  assert.equal(await page.$eval("#picture", (image) => image.naturalWidth), 288);
  assert.match(await page.getAttribute("#download", "download"), /^a-blue-sign.*-7\.png$/);
  await shoot(page, name, "3-drawn");
  return page.getAttribute("#picture", "src");
}

/** Writes down what a screen reader would say. */
async function listen(page) {
  await page.evaluate(() => {
    window.announced = [];
    const announcement = document.querySelector("[role=status]");
    new MutationObserver(() => window.announced.push(announcement.textContent)).observe(announcement, { childList: true });
  });
}

async function cancels(page, name) {
  const before = await metric("xomni_cancelled_total");
  await page.fill("#prompt", "Something large");
  await page.click("#draw-button");
  await page.waitForFunction(() => /Drawing: [1-9]/.test(document.getElementById("status").textContent));
  if (name === "phone") await page.click("#cancel-button");
  else await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Cancelled.");
  for (let i = 0; i < 200 && (await metric("xomni_cancelled_total")) === before; i++) await page.waitForTimeout(50);
  assert.equal(await metric("xomni_cancelled_total"), before + 1, "the server stopped its work");
  assert.equal(await page.isVisible("#cancel-button"), false);
}

async function chatsAboutAnImage(page, name) {
  await page.click("#tab-chat");
  await page.setInputFiles("#file", picture);
  await page.waitForSelector(".attachment img");
  await page.fill("#chat-text", "What is on this picture?");
  await page.press("#chat-text", "Enter");
  await answered(page, 1);
  await page.fill("#chat-text", "Draw a red sign");
  await page.click("#draw-turn");
  await page.waitForSelector(".message.assistant img");
  await page.fill("#chat-text", "What did you draw?");
  await page.click("#send");
  await answered(page, 3);
  assert.equal(await page.locator(".message.user img").count(), 1);
  await shoot(page, name, "4-chat");
}

async function answered(page, count) {
  await page.waitForFunction(
    (n) => document.querySelectorAll(".message.assistant:not(.busy)").length === n && document.getElementById("stop-button").hidden, count);
  assert.equal(await page.locator(".message.error").count(), 0, await page.locator(".messages").textContent());
}

async function rerunsFromHistory(page, name, first) {
  await page.click("#tab-history");
  await page.waitForSelector(".card");
  assert.equal(await page.locator(".card").count(), 2);
  assert.equal(await page.getByRole("button", { name: /Draw alone: Draw a red sign/ }).count(), 1, "a picture of a chat is not drawn again by its prompt alone");
  await everythingHasAName(page);
  await shoot(page, name, "5-history");
  await page.getByRole("button", { name: /Draw again: A blue sign/ }).click();
  await page.waitForSelector("#picture", { state: "hidden" });
  await page.waitForSelector("#picture:not([hidden])");
  assert.equal(await page.getAttribute("#picture", "src"), first, "the same prompt, size and seed draw the same picture");
  await page.click("#ask");
  await page.waitForSelector(".attachment img");
  await page.fill("#chat-text", "And what is this?");
  await page.click("#send");
  await answered(page, 4);
}

async function keysMoveBetweenTabs(page) {
  await page.focus("#tab-chat");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.isVisible("#history"), true);
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.isVisible("#draw"), true);
}

async function everythingHasAName(page) {
  const nameless = await page.$$eval("button, input, select, textarea, a, [role=tab]", (all) =>
    all.filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title)).map((e) => e.outerHTML));
  assert.deepEqual(nameless, [], "controls without an accessible name");
}

async function noSidewaysScrolling(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `the page is ${content} wide in a window of ${window}`);
}

async function metric(name) {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name}\\{[^}]*} (\\S+)$`, "m"))[1]);
}

async function shoot(page, name, step) {
  if (shots) await page.screenshot({ path: `${shots}/${name}-${step}.png` });
}
