// The chat's page in headless Chromium, with both of its back ends.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { Chat } from "./example.mjs";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
after(() => browser.close());

for (const kind of ["python", "php"]) describe(kind, () => {
  let chat;
  before(async () => void (chat = await Chat.start(kind)));
  after(() => chat?.close());

  // A browser of somebody's own: another cookie.
  async function open(name) {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.elsewhere = [];
    page.errors = [];
    page.on("request", (request) => request.url().startsWith(chat.page) || page.elsewhere.push(request.url()));
    page.on("pageerror", (error) => page.errors.push(String(error)));
    await page.goto(chat.page);
    await page.fill("#enter input", name);
    await page.click("#enter button");
    await connected(page);
    return page;
  }
  const connected = (page) => page.waitForFunction(() => document.querySelector("#state").textContent === "connected");
  const say = async (page, text) => {
    await page.fill("#say input", text);
    await page.press("#say input", "Enter");
  };
  const sees = (page, here) => page.waitForFunction((text) => document.querySelector("#people").textContent === text, here);
  const lines = (page) => page.locator("#said li").allTextContents();
  const hears = async (page, texts) => {
    await page.waitForFunction((count) => document.querySelectorAll("#said li").length >= count, texts.length);
    assert.deepEqual(await lines(page), texts);
  };

  test("two pages talk; what is said is text; a late one sees all of it; nothing is fetched from elsewhere", async () => {
    const [ann, bob] = [await open("ann"), await open("<b>bob</b>")];
    await sees(ann, "here: <b>bob</b>, ann");
    const texts = ["ann<img src=x onerror=document.title='broken'>", "<b>bob</b>häh 🎈", "ann3"];
    await say(ann, "<img src=x onerror=document.title='broken'>");
    await hears(bob, texts.slice(0, 1));
    await say(bob, "häh 🎈");
    await hears(ann, texts.slice(0, 2));
    await say(ann, " ");
    await say(ann, "3");
    for (const page of [ann, bob, await open("cem")]) await hears(page, texts);
    await sees(bob, "here: <b>bob</b>, ann, cem");
    for (const context of browser.contexts()) {
      const [page] = context.pages();
      assert.deepEqual([page.elsewhere, page.errors, await page.title()], [[], [], "Chat"]);
      if (page !== bob) await context.close();
    }
    await sees(bob, "here: <b>bob</b>");
    await bob.context().close();
  });

  test("light and dark, as the reader has it", async () => {
    const page = await open("lux");
    const brightness = async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      return page.evaluate(() => ["backgroundColor", "color"].map((name) => Number(/\d+/.exec(getComputedStyle(document.body)[name])[0])));
    };
    const [[lightBack, lightFront], [darkBack, darkFront]] = [await brightness("light"), await brightness("dark")];
    assert.ok(lightBack > 200 && lightFront < 60 && darkBack < 60 && darkFront > 200);
    await page.context().close();
  });

  test("server and back end die and come back: so do the pages, by themselves, and they have missed nothing", async () => {
    const [ann, bob] = [await open("ann"), await open("bob")];
    const before = (await lines(ann)).length;
    const ended = once(chat.server.child, "exit");
    chat.server.child.kill("SIGKILL");
    await ended;
    for (const page of [ann, bob]) await page.waitForFunction(() => document.querySelector("#state").textContent === "not connected");
    await chat.server.spawn();
    await connected(ann);
    await say(ann, "first"); // whether bob is back yet or not
    await connected(bob);
    await bob.waitForFunction((count) => document.querySelectorAll("#said li").length === count, before + 1);
    await chat.back_end.kill();
    await say(bob, "lost"); // closed with 1011, and tried again until somebody answers
    await bob.waitForFunction(() => document.querySelector("#state").textContent === "not connected");
    await chat.run();
    await connected(bob);
    await say(bob, "second");
    await ann.waitForFunction((count) => document.querySelectorAll("#said li").length === count, before + 2);
    assert.deepEqual((await lines(ann)).slice(before), ["annfirst", "bobsecond"]);
    assert.deepEqual(await lines(bob), await lines(ann));
    for (const page of [ann, bob]) await page.context().close();
  });
});
