import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stages } from "../src/job/stages.ts";
import { type App, startApp, temporaryFolder } from "./app.ts";
import { type Caller, openCaller } from "./caller.ts";

const executablePath = "/usr/bin/chromium";
const args = [
  "--no-sandbox",
  "--headless=new",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--ignore-certificate-errors",
];
const isMissing = !existsSync(executablePath);
const isRequired = process.env["CI"] !== undefined;

describe.skipIf(isMissing && !isRequired)(`the console in Chromium (${executablePath})`, () => {
  const folder = temporaryFolder();
  const flight = { origin: "ORD", destination: "LGA", distance: 733, date: "2001-06-30T22:00:00Z" };
  let app: App;
  let caller: Caller;
  let browser: Browser;

  beforeAll(async () => {
    app = startApp("--rows", "20000", "--data", folder.path);
    await app.prints(/Serving on/);
    caller = openCaller(folder.path);
    browser = await chromium.launch({ executablePath, args });
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await caller?.close();
    await app?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test("shows stages, lineage, the model, and requests as they come", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ignoreHTTPSErrors: true });
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(caller.origin);

    await expect.poll(() => page.getByRole("status").textContent(), { timeout: 30_000 }).toBe("serving predictions");
    const rows = page.locator("#stages tr");
    expect(await rows.count()).toBe(stages.length);
    for (const [index, { title }] of stages.entries()) {
      expect(await rows.nth(index).textContent()).toMatch(new RegExp(`${title}.*done.*\\d`));
    }
    expect(await page.locator("#lineage .kind").allTextContents()).toEqual([
      "source",
      "table",
      "features",
      "training set",
      "model",
      "endpoint",
    ]);
    const model = (await page.locator("#model").textContent()) ?? "";
    expect(model).toContain("delay@champion");
    for (const trainer of ["logistic", "mlp", "trees"]) expect(model).toMatch(new RegExp(`${trainer}.*0\\.\\d{4}`));
    const features = (await page.locator("#features").textContent()) ?? "";
    expect(features).toMatch(/online, before anything was served[\d,]{5,}0as served/);
    expect(features).toMatch(/[\d,]+ landings were pushed.*calendar:day_of_year\d+\.\d\d/);
    expect(await page.locator("#audit").textContent()).toMatch(/[\d,]+ entries/);
    expect(await page.locator("#refusals li").count()).toBeGreaterThan(3);

    const requests = page.locator("#figures div", { hasText: "requests" }).locator("dd");
    const before = wholeNumber(await requests.textContent());
    for (let sent = 0; sent < 25; sent++) {
      await caller.ask("/predict", { method: "POST", as: "service", body: { flights: [flight] } });
    }
    await expect
      .poll(async () => wholeNumber(await requests.textContent()), { timeout: 10_000 })
      .toBeGreaterThanOrEqual(before + 25);
    expect(await page.locator("#rate canvas").count()).toBe(1);

    expect(complaints).toEqual([]);
    expect(asked.length).toBeGreaterThan(4);
    const foreign = asked.filter((url) => !url.startsWith("data:") && new URL(url).origin !== caller.origin);
    expect(foreign).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    await page.setViewportSize({ width: 420, height: 800 });
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    await page.close();
  });

  test("says so when the server has gone", async () => {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(caller.origin);
    await expect.poll(() => page.getByRole("status").textContent(), { timeout: 30_000 }).toBe("serving predictions");
    expect(await app.end("SIGTERM")).toMatchObject({ code: 0 });
    await expect.poll(() => page.getByRole("status").textContent(), { timeout: 30_000 }).toMatch("does not answer");
    await page.close();
  });
});

function wholeNumber(text: string | null): number {
  return Number(text?.replaceAll(",", ""));
}
