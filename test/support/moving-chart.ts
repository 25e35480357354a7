import { expect } from "vitest";
import type { Locator } from "playwright-core";
import type { Thermometer } from "./thermometer.ts";

const WAIT = { timeout: 30_000, interval: 100 };

/** More often than history alone would move it, which a chart asks for twice within the first seconds and then once a minute. */
export async function expectMoving(chart: Locator, device: Thermometer): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    const sent = device.lastTs();
    await expect.poll(() => lastTs(chart), WAIT).toBeGreaterThan(sent);
  }
}

async function lastTs(chart: Locator): Promise<number> {
  return Number(await chart.getAttribute("data-last-ts"));
}

export async function pointCount(chart: Locator): Promise<number> {
  return Number(await chart.getAttribute("data-points"));
}
