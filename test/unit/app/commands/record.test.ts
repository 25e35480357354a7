import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { open, type RootDatabase } from "lmdb";
import { recordCommand } from "../../../../app/commands/record.ts";
import { logFile } from "../../../../log/embedded/log-file.ts";
import { temporaryDirectory } from "../../../support/instance.ts";
import { writeReadingLog } from "../../../support/reading-log.ts";

const START = Date.parse("2026-01-31T12:00:00Z");

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => (directory = temporaryDirectory()));
afterEach(() => {
  vi.restoreAllMocks();
  directory.dispose();
});

test("millrace record has closed the log before it prints: whoever reads that may take for ever", async () => {
  const data = directory.path;
  const log = await writeReadingLog(data, [{ device: "room-1", ts: START, metrics: { x: 1 } }]);
  await log.close(AbortSignal.timeout(5000));
  const opened: RootDatabase[] = [];
  const readers: string[] = [];
  vi.spyOn(console, "error").mockReturnValue();
  vi.spyOn(console, "log").mockImplementation(() => {
    const root = open({ path: logFile(join(data, "log")), readOnly: true });
    opened.push(root);
    readers.push(root.readerList().trim());
  });
  const api = () => {
    throw new Error("there is none");
  };
  expect(await recordCommand({ data, api, source: "log", devices: [], from: START, to: START + 1 })).toBe(0);
  expect(readers.length).toBe(3);
  expect(new Set(readers)).toEqual(new Set(["(no active readers)"]));
  for (const root of opened) await root.close();
});
