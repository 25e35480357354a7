import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchChromium, openWatchedPage, type WatchedPage } from "../support/browser.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, listAlarms } from "../support/replay-run.ts";
import { expectMoving, pointCount } from "../support/moving-chart.ts";
import { startThermometer, type Thermometer } from "../support/thermometer.ts";
import { hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { Browser } from "playwright-core";

const chromium = findChromium();
const missing = [
  ...(chromium === null ? ["Chromium is not installed"] : []),
  ...(hasChdb() ? [] : ["the optional package chdb is not installed"]),
];
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")})`;

const CONFIG = `
types:
  - id: oven
    name: Oven
    metrics:
      temperature: { unit: °C, min: -50, max: 1000 }
    idleMs: 5000
rules:
  - id: oven-hot
    name: Oven too hot
    severity: high
    select: { type: oven }
    condition: { kind: threshold, metric: temperature, op: ">", value: 100, deadband: 5 }
devices:
  - { id: first-device, name: Oven, type: oven }
`;
/** Of the search fields. */
const TYPING_PAUSE_MS = 150;
const SOON = { timeout: 30_000, interval: 100 };

describe.skipIf(missing.length > 0)(`the dashboard in a browser${why}`, () => {
  const directory = temporaryDirectory();
  let instance: Instance;
  let browser: Browser;
  let device: Thermometer;
  let watched: WatchedPage;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    const config = join(directory.path, "oven.yaml");
    writeFileSync(config, CONFIG);
    const applied = await runMillraceAsync(["apply", config, "--data", directory.path]);
    if (applied.code !== 0) throw new Error(applied.stderr);
    device = startThermometer(instance.ready.mqtt, instance.ready.device, instance.ready.token);
    browser = await launchChromium(chromium ?? "");
    watched = await openWatchedPage(browser, instance.httpUrl);
  });

  afterAll(async () => {
    await browser?.close();
    await device?.stop();
    await instance?.kill();
    directory.dispose();
  });

  it("asks for the token when opened without the printed link", async () => {
    const stranger = await openWatchedPage(browser, instance.httpUrl);
    await stranger.page.goto(`${instance.httpUrl}/alarms`);
    await stranger.page.getByTestId("sign-in").waitFor();
    expect(await stranger.page.getByTestId("alarm-row").count()).toBe(0);
    await stranger.page.context().close();
  });

  it("signs in through the printed link, which leaves no code in the address", async () => {
    const { page } = watched;
    await page.goto(instance.ready.dashboard);
    await page.getByTestId("state-sentence").waitFor();
    expect(page.url()).toBe(`${instance.httpUrl}/`);
    const admitted = async () => Number(await page.getByTestId("ledger-admitted").getAttribute("data-value"));
    await expect.poll(admitted, SOON).toBeGreaterThan(0);
    expect(watched.complaints()).toEqual([]);
  });

  it("shows an alarm while one watches, without a reload", async () => {
    const { page } = watched;
    const loads = watched.loads();
    expect(await page.getByTestId("alarm-row").count()).toBe(0);
    device.set(150);
    const row = page.locator('[data-testid="alarm-row"][data-active="true"]');
    await row.waitFor();
    const alarms = await listAlarms(instanceApi(directory.path));
    expect(alarms.map(({ id, rule, active }) => ({ id, rule, active }))).toEqual([
      { id: await row.getAttribute("data-alarm-id"), rule: "oven-hot", active: true },
    ]);
    await expect.poll(() => page.getByTestId("state-sentence").textContent(), SOON).toContain("1 active alarm");
    expect(watched.loads()).toBe(loads);
    expect(watched.complaints()).toEqual([]);
  });

  it("says why the alarm was raised, and proves it", async () => {
    const { page } = watched;
    await page.locator(".why-link").first().click();
    const dialog = page.getByTestId("why-dialog");
    await dialog.locator(".why-messages").waitFor();
    expect(await dialog.textContent()).toMatch(/run again, give this very alarm.*temperature 150/s);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(watched.complaints()).toEqual([]);
  });

  it("goes to the devices and the alarms by keyboard", async () => {
    const { page } = watched;
    await page.keyboard.press("g");
    await page.keyboard.press("d");
    await page.waitForURL("**/devices");
    await page.locator('[data-testid="device-row"][data-device-id="first-device"]').waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL("**/alarms");
    await page.getByTestId("alarm-row").waitFor();
    // Letters that are typed into a field are text.
    await page.keyboard.press("/");
    await page.keyboard.type("gd");
    await expect.poll(() => new URL(page.url()).pathname, SOON).toBe("/alarms");
  });

  it("leads from the ledger and by keyboard to what was rejected, with the reason", async () => {
    const { page } = watched;
    await device.publish('{"temperature":');
    await page.goto(`${instance.httpUrl}/`);
    const ledger = page.locator(".ledger-table").first();
    await expect.poll(() => page.getByTestId("ledger-quarantined").getAttribute("data-value"), SOON).toBe("1");
    await ledger.getByRole("link", { name: "quarantined" }).click();
    await page.waitForURL("**/rejects");
    const row = page.locator('[data-testid="reject-row"][data-reason="bad-json"]');
    await row.waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.getByTestId("state-sentence").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("q");
    await row.getByRole("button").click();
    await page.getByRole("dialog").getByText("first-device").waitFor();
    await page.getByRole("button", { name: "Only this reason" }).click();
    await expect.poll(() => new URL(page.url()).search, SOON).toBe("?reason=bad-json");
    await row.waitFor();
    await page.goto(`${instance.httpUrl}/rejects?reason=bad-json&device=nobody`);
    const all = page.getByRole("button", { name: "Show all rejects" });
    await all.waitFor();
    // What was typed last must not come back when the pause is over.
    await page.getByRole("searchbox").fill("nothing like it");
    await all.click();
    await row.waitFor();
    await page.waitForTimeout(2 * TYPING_PAUSE_MS);
    expect(new URL(page.url()).search).toBe("");
    expect(await page.getByRole("searchbox").inputValue()).toBe("");
    expect(watched.complaints()).toEqual([]);
  });

  it("leads from the pipeline and by keyboard to who works on which partition, and follows it", async () => {
    const { page } = watched;
    await page.goto(`${instance.httpUrl}/`);
    await page.getByRole("region", { name: "Pipeline" }).getByRole("link", { name: "Partitions" }).click();
    await page.waitForURL("**/partitions");
    const stage = page.locator('[data-testid="consumer"][data-consumer="stage:main"]');
    await stage.getByText("This process").waitFor();
    const places = async () =>
      (await stage.locator("[data-position]").all()).map((cell) => cell.getAttribute("data-position"));
    const before = await Promise.all(await places());
    expect(before.length).toBeGreaterThan(0);
    await expect.poll(async () => Promise.all(await places()), SOON).not.toEqual(before);
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.getByTestId("state-sentence").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("p");
    await stage.waitFor();
    expect(watched.complaints()).toEqual([]);
  });

  it("says on the partitions' page what cannot be asked for, and goes on when it can", async () => {
    const { page } = watched;
    const consumers = page.getByTestId("consumer");
    await page.route("**/api/v1/partitions", (route) => route.abort());
    watched.expectOutage(true);
    await page.getByText("Not updated: The server cannot be reached.").waitFor();
    expect(await consumers.count()).toBeGreaterThan(0);
    await page.goto(`${instance.httpUrl}/partitions`);
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await page.unroute("**/api/v1/partitions");
    await page.getByRole("button", { name: "Try again" }).click();
    await consumers.first().waitFor();
    watched.expectOutage(false);
  });

  it("shows by keyboard which devices and functions are slow, says so when none is, and what cannot be asked for", async () => {
    const { page } = watched;
    await page.goto(`${instance.httpUrl}/`);
    await page.getByTestId("state-sentence").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await page.waitForURL("**/slow");
    await page.getByText("Every device reports at its usual pace.").waitFor();
    await page.getByRole("button", { name: "Functions" }).click();
    await expect.poll(() => new URL(page.url()).search, SOON).toBe("?show=functions");
    await page.locator('[data-testid="slow-function"][data-function="clean@1"]').waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("nothing like it");
    // The field tells what was typed when the typing pauses.
    await expect.poll(() => new URL(page.url()).searchParams.get("search"), SOON).toBe("nothing like it");
    await page.getByRole("button", { name: "Show all" }).click();
    await page.locator('[data-testid="slow-function"][data-function="alarm@1"]').waitFor();
    expect(watched.complaints()).toEqual([]);
    await page.route("**/api/v1/slow-devices*", (route) => route.abort());
    watched.expectOutage(true);
    await page.goto(`${instance.httpUrl}/slow?by=delay`);
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await page.unroute("**/api/v1/slow-devices*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("No device reports late.").waitFor();
    watched.expectOutage(false);
  });

  it("moves the chart with every message, without a reload", async () => {
    const { page } = watched;
    await page.goto(`${instance.httpUrl}/devices`);
    await page.getByRole("link", { name: "first-device" }).click();
    const loads = watched.loads();
    const chart = page.getByTestId("chart-temperature");
    await expectMoving(chart, device);
    const before = await pointCount(chart);
    await expect.poll(() => pointCount(chart), SOON).toBeGreaterThan(before + 5);
    expect(watched.loads()).toBe(loads);
    expect(watched.complaints()).toEqual([]);
  });

  it("clears the alarm while one watches", async () => {
    const { page } = watched;
    await page.getByTestId("alarm-row").waitFor();
    device.set(20);
    await page.locator('[data-testid="alarm-row"][data-active="false"]').waitFor();
    expect(await page.getByTestId("alarm-row").count()).toBe(1);
    expect((await listAlarms(instanceApi(directory.path))).map(({ active }) => active)).toEqual([false]);
  });

  it("says that the connection is lost while the instance hangs, and goes on by itself", async () => {
    const { page } = watched;
    const loads = watched.loads();
    const banner = page.getByTestId("connection-banner");
    expect(await banner.count()).toBe(0);
    watched.expectOutage(true);
    process.kill(-instance.pid, "SIGSTOP");
    await banner.waitFor().finally(() => process.kill(-instance.pid, "SIGCONT"));
    await banner.waitFor({ state: "detached" });
    const chart = page.getByTestId("chart-temperature");
    await expectMoving(chart, device);
    watched.expectOutage(false);
    expect(watched.loads()).toBe(loads);
  });

  it("says that the connection is lost after kill -9, and asks to sign in when the instance is back", async () => {
    const { page } = watched;
    watched.expectOutage(true);
    await instance.kill();
    await page.getByTestId("connection-banner").waitFor();
    const environment = {
      MILLRACE_MQTT_PORT: new URL(instance.ready.mqtt).port,
      MILLRACE_HTTP_PORT: new URL(instance.httpUrl).port,
    };
    instance = await startInstance({ data: directory.path, environment });
    // Sessions live in memory: a restart ends them.
    await page.getByTestId("sign-in").waitFor();
    expect(await page.getByTestId("connection-banner").count()).toBe(0);
    await page.goto(instance.ready.dashboard);
    await page.getByTestId("state-sentence").waitFor();
    watched.expectOutage(false);
  });

  it("joins what the tables have with what comes live", async () => {
    const { page } = watched;
    const acknowledged = device.acknowledged();
    const api = instanceApi(directory.path);
    const stored = async () => (await api.get<{ points: unknown[] }>(seriesPath())).points.length;
    await expect.poll(stored, SOON).toBeGreaterThanOrEqual(acknowledged);
    await page.goto(`${instance.httpUrl}/devices/first-device`);
    const chart = page.getByTestId("chart-temperature");
    await expect.poll(() => pointCount(chart), SOON).toBeGreaterThanOrEqual(acknowledged);
    await expectMoving(chart, device);
    await expect.poll(() => pointCount(chart), SOON).toBeGreaterThan(acknowledged);
    expect(watched.complaints()).toEqual([]);
  });
});

function seriesPath(): string {
  const query = new URLSearchParams({
    metric: "temperature",
    from: String(Date.now() - 900_000),
    to: String(Date.now()),
    points: "2000",
  });
  return `/devices/first-device/series?${query.toString()}`;
}
