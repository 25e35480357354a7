import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchChromium, openWatchedPage, type WatchedPage } from "../support/browser.ts";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { startThermometer, type Thermometer } from "../support/thermometer.ts";
import type { Browser, Route } from "playwright-core";

const chromium = findChromium();
const why = chromium === null ? " (skipped: Chromium is not installed)" : "";

/** The tables are not asked here: the test answers for them, as late as it likes. */
describe.skipIf(chromium === null)(`a chart whose history is late${why}`, () => {
  const directory = temporaryDirectory();
  let instance: Instance;
  let browser: Browser;
  let device: Thermometer;
  let watched: WatchedPage;
  const asked: Route[] = [];

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path, flags: ["--no-clickhouse"] });
    device = startThermometer(instance.ready.mqtt, instance.ready.device, instance.ready.token);
    browser = await launchChromium(chromium ?? "");
    watched = await openWatchedPage(browser, instance.httpUrl);
    await watched.page.route("**/series?*", (route) => void asked.push(route));
  });

  afterAll(async () => {
    await browser?.close();
    await device?.stop();
    await instance?.kill();
    directory.dispose();
  });

  const answer = async (): Promise<void> => {
    await expect.poll(() => asked.length, { timeout: 30_000 }).toBeGreaterThan(0);
    for (const route of asked.splice(0)) await route.fulfill({ json: { points: [], bucketMs: 0 } });
  };

  it("says so until it is there, and again when another range is asked for", async () => {
    const { page } = watched;
    await page.goto(instance.ready.dashboard);
    await page.getByTestId("state-sentence").waitFor();
    await page.goto(`${instance.httpUrl}/devices/first-device`);
    const chart = page.getByTestId("chart-temperature");
    const loading = chart.getByText("history is loading…");
    await loading.waitFor();
    await answer();
    await loading.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "24 h" }).click();
    await loading.waitFor();
    await answer();
    await loading.waitFor({ state: "detached" });
  });
});
