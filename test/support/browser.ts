import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The flags beyond `--headless=new` keep the browser itself off the network. */
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where Chromium is: what MILLRACE_CHROMIUM names, or a usual place. Null when this machine has none. */
export function findChromium(): string | null {
  const places = [process.env["MILLRACE_CHROMIUM"] ?? "", ...PLACES];
  return places.find((path) => path !== "" && existsSync(path)) ?? null;
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A page in a context of its own, and what it did that it should not. */
export interface WatchedPage {
  readonly page: Page;
  /** Documents loaded so far: client-side navigation does not count. */
  loads(): number;
  /** Errors of the console and of scripts, and requests to other hosts. */
  complaints(): readonly string[];
  /** From here on errors are expected, such as those of a connection that cannot be made; until called with false. */
  expectOutage(isExpected: boolean): void;
}

export async function openWatchedPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  let loads = 0;
  let isOutage = false;
  const complain = (text: string): void => {
    if (!isOutage) complaints.push(text);
  };
  const { host } = new URL(origin);
  const visit = (url: string): void => {
    const { protocol, host: other } = new URL(url);
    if (!["data:", "blob:"].includes(protocol) && other !== host) complaints.push(`a request to ${url}`);
  };
  page.on("load", () => (loads += 1));
  page.on("request", (request) => visit(request.url()));
  page.on("websocket", (socket) => visit(socket.url()));
  page.on("pageerror", (error) => complain(`an error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") complain(`on the console: ${message.text()}`);
  });
  return {
    page,
    loads: () => loads,
    complaints: () => complaints,
    expectOutage: (isExpected) => (isOutage = isExpected),
  };
}
