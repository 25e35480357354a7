import { mkdirSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findChromium, launchChromium } from "../test/support/browser.ts";
import { startInstance, temporaryDirectory } from "../test/support/instance.ts";

const IMAGES = fileURLToPath(new URL("images/", import.meta.url));
/** By then the demo has raised alarms and the chart of the throughput has a shape. */
const WARM_UP_MS = 180_000;
/** What the window has below the page's end is empty. */
const MARGIN_PX = 8;

/** Runs the demo for a while and writes the picture of the overview that README shows. Needs Chromium. */
async function writeScreenshots(): Promise<void> {
  const chromium = findChromium();
  if (chromium === null) throw new Error("Chromium is not installed; MILLRACE_CHROMIUM may say where it is.");
  const directory = temporaryDirectory();
  const instance = await startInstance({ data: directory.path, flags: ["--demo"] });
  const browser = await launchChromium(chromium);
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: "light" });
    await page.goto(instance.ready.dashboard);
    await page.getByTestId("state-sentence").waitFor();
    console.log(`The demo runs for ${WARM_UP_MS / 1000} s first.`);
    await sleep(WARM_UP_MS);
    const end = await page.locator(".overview").evaluate((element) => element.getBoundingClientRect().bottom);
    await page.setViewportSize({ width: 1280, height: Math.ceil(end) + MARGIN_PX });
    await sleep(2000);
    mkdirSync(IMAGES, { recursive: true });
    const path = `${IMAGES}overview.png`;
    await page.screenshot({ path });
    console.log(`${path}: ${Math.round(statSync(path).size / 1024)} KiB`);
  } finally {
    await browser.close();
    await instance.stop();
    directory.dispose();
  }
}

if (import.meta.main) await writeScreenshots();
