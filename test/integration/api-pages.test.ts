import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { MetricSample } from "../../core/metrics.ts";
import { startApi } from "../unit/api/api-fixture.ts";

const HTML = { accept: "text/html", authorization: "none" };
const sample: MetricSample = { name: "millrace_test_total", type: "counter", help: "A test.", labels: {}, value: 7 };
let pages: string;
let fixture: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  pages = await mkdtemp(join(tmpdir(), "millrace-pages-"));
  await mkdir(join(pages, "assets"));
  await writeFile(join(pages, "index.html"), "<!doctype html><title>Millrace</title>");
  await writeFile(join(pages, "assets", "main-abc123.js"), "export {};");
  await writeFile(join(pages, ".secret"), "hidden");
  fixture = await startApi({ pagesDirectory: pages, metrics: async () => [sample] });
});
afterAll(async () => {
  await fixture.close();
  await rm(pages, { recursive: true, force: true });
});

describe("the pages", () => {
  it("come for / and for every path of the browser app, and are asked for anew", async () => {
    for (const path of ["/", "/devices/d1", "/?code=abc"]) {
      const page = await fixture.call("GET", path, { headers: HTML });
      expect(page).toMatchObject({ status: 200, text: expect.stringContaining("<title>Millrace") });
      expect(page.headers.get("cache-control")).toBe("no-cache");
      expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'self';/);
      expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
      expect(page.headers.get("referrer-policy")).toBe("no-referrer");
      expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  it("keep their hashed files for good", async () => {
    const asset = await fixture.call("GET", "/assets/main-abc123.js", { headers: HTML });
    expect(asset).toMatchObject({ status: 200, text: "export {};" });
    expect(asset.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(asset.headers.get("content-type")).toContain("javascript");
  });

  it("are not sent where no page can be: a missing script must not be HTML", async () => {
    expect((await fixture.call("GET", "/assets/gone.js", { headers: HTML })).status).toBe(404);
    expect((await fixture.call("GET", "/api/v2/x", { headers: HTML })).body).toMatchObject({ code: "NOT_FOUND" });
    expect((await fixture.call("GET", "/devices", { headers: { accept: "application/json" } })).body).toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("let nothing out that is not theirs", async () => {
    for (const path of [
      "/../package.json",
      "/%2e%2e/package.json",
      "/..%2fpackage.json",
      "/.secret",
      "/assets/%2e%2e%2f.secret",
    ]) {
      const answer = await fixture.call("GET", path, { headers: { accept: "*/*" } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toMatch(/hidden|dependencies/);
    }
  });

  it("are asked to be built when they are not there", async () => {
    const { call, close } = await startApi();
    onTestFinished(close);
    expect((await call("GET", "/", { headers: HTML })).body).toMatchObject({
      remedy: expect.stringContaining("npm run build"),
    });
  });
});

describe("the documentation", () => {
  it("is served from here, without foreign hosts or inline scripts", async () => {
    const page = await fixture.call("GET", "/docs", { headers: HTML });
    const html = page.status === 200 ? page : await fixture.call("GET", "/docs/", { headers: HTML });
    expect(html.status).toBe(200);
    expect(html.text).not.toMatch(/<script>|https?:\/\//);
    const policy = html.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("style-src 'self' 'unsafe-inline'");
    expect(policy).not.toContain("script-src");
    for (const [, file] of html.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const answer = await fetch(new URL(file ?? "", `${fixture.url}/docs/`));
      expect(answer.status, file).toBe(200);
      await answer.arrayBuffer();
    }
  });

  it("has the OpenAPI document, which no cache keeps", async () => {
    const answer = await fixture.call("GET", "/openapi.json", { headers: { authorization: "none" } });
    expect(answer.body).toMatchObject({ openapi: "3.1.0", paths: { "/api/v1/devices": {} } });
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });
});

describe("the probes", () => {
  it("say alive and ready to anybody", async () => {
    const none = { headers: { authorization: "none" } };
    expect(await fixture.call("GET", "/healthz", none)).toMatchObject({ status: 200, body: { status: "alive" } });
    expect(await fixture.call("GET", "/readyz", none)).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [], faults: [] },
    });
  });

  it("say why they are not ready, and stay alive", async () => {
    const fault = { id: "held.functions", since: 1, text: "functions has still to read much" };
    const health = { notReadyReasons: () => ["the log is full"], faults: () => [fault] };
    const { call, close } = await startApi({ health });
    onTestFinished(close);
    expect(await call("GET", "/readyz")).toMatchObject({
      status: 503,
      body: { ready: false, reasons: ["the log is full"], faults: [fault] },
    });
    expect((await call("GET", "/healthz")).status).toBe(200);
  });

  it("give metrics to this machine, and beyond it only to an administrator", async () => {
    const { call, token } = fixture;
    const local = await call("GET", "/metrics", { headers: { authorization: "none" } });
    expect(local.text).toBe(
      "# HELP millrace_test_total A test.\n# TYPE millrace_test_total counter\nmillrace_test_total 7\n",
    );
    expect(local.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const proxied = { "x-forwarded-for": "10.0.0.7" };
    expect((await call("GET", "/metrics", { headers: { ...proxied, authorization: "Bearer wrong" } })).status).toBe(
      401,
    );
    expect((await call("GET", "/metrics", { headers: { ...proxied, authorization: `Bearer ${token}` } })).status).toBe(
      200,
    );
  });
});

describe("stopping", () => {
  it("lets requests under way finish and takes no new ones", async () => {
    const gate = Promise.withResolvers<readonly MetricSample[]>();
    const { api, call, url, close } = await startApi({ metrics: () => gate.promise });
    onTestFinished(async () => close().catch(() => undefined));
    const underWay = call("GET", "/metrics", { headers: { authorization: "none" } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stopped = api.stop(AbortSignal.timeout(5000));
    gate.resolve([sample]);
    expect((await underWay).status).toBe(200);
    await stopped;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it("does not wait beyond its deadline", async () => {
    const { api, call, close } = await startApi({ metrics: () => new Promise(() => undefined) });
    onTestFinished(async () => close().catch(() => undefined));
    const underWay = call("GET", "/metrics", { headers: { authorization: "none" } }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await api.stop(AbortSignal.timeout(100));
    expect(await underWay).toBeInstanceOf(Error);
  });
});
