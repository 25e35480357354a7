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

  it("is not shown of a metric that came last days ago, which is greyed at the end, but where the range reaches back to it", async () => {
    const { page } = watched;
    const daysAgo = Date.now() - 2 * 24 * 3_600_000;
    await device.publish(JSON.stringify({ ts: daysAgo, values: { withdrawn: 7.5 } }));
    await page.goto(`${instance.httpUrl}/devices/first-device`);
    const lastSeen = page.getByRole("region", { name: "Last seen long ago" });
    await expect.poll(() => lastSeen.innerText(), { timeout: 30_000 }).toMatch(/withdrawn\s+7\.5\s+last seen 2\sd ago/);
    await page.getByTestId("chart-temperature").waitFor();
    const chart = page.getByTestId("chart-withdrawn");
    expect(await chart.count()).toBe(0);
    await page.getByRole("button", { name: "7 d" }).click();
    await chart.waitFor();
    expect(await lastSeen.count()).toBe(0);
  });
});
