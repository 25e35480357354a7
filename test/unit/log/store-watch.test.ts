import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, text } from "../../contract/event-log/log-harness.ts";
import { openTestLog } from "./open-test-log.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";

let parent = "";
let directory = "";
let log: EmbeddedLog;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "millrace-watch-"));
  directory = join(parent, "log");
  log = await openTestLog(directory);
  await log.append("telemetry", 0, [text("before")]);
});

afterEach(async () => {
  await log.close(AbortSignal.timeout(5000));
  await rm(parent, { recursive: true, force: true });
});

test("a log whose folder is deleted acknowledges nothing more", async () => {
  await rm(directory, { recursive: true });
  await expect(log.append("telemetry", 0, [text("after")])).rejects.toMatchObject({ code: "LOG_LOST", retry: "later" });
  await expect(log.claim({ name: "stage:main", partition: 0 })).rejects.toMatchObject({ code: "LOG_LOST" });
});

test("an idle one says so by itself, and with what to do", async () => {
  expect((await log.status()).refusing).toBeNull();
  await rm(directory, { recursive: true });
  await eventually("a refusal", async () => (await log.status()).refusing ?? undefined);
  expect((await log.status()).refusing).toMatch(/log\.mdb was deleted or replaced.*restore a backup/);
});

test("a file that was put in its place is another one, and the refusal is for good", async () => {
  await cp(directory, join(parent, "copy"), { recursive: true });
  await rename(directory, join(parent, "away"));
  await rename(join(parent, "copy"), directory);
  await expect(log.append("telemetry", 0, [text("after")])).rejects.toMatchObject({ code: "LOG_LOST" });
  await rm(directory, { recursive: true });
  await rename(join(parent, "away"), directory);
  await expect(log.append("telemetry", 0, [text("later")])).rejects.toMatchObject({ code: "LOG_LOST" });
});
