import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { openLogStore } from "../../../log/embedded/log-store.ts";
import { readEmbeddedLog } from "../../../log/embedded/read-embedded-log.ts";
import { temporaryDirectory } from "../../support/instance.ts";
import { openTestLog } from "./open-test-log.ts";

const directory = temporaryDirectory();
afterAll(() => directory.dispose());

/** A row of LMDB's table of readers with a snapshot at its end. */
const SNAPSHOT = /^\s*\d+ \S+ \d+$/m;

test("who reads a log beside its instance holds no snapshot of it while it works on what it has read", async () => {
  const log = await openTestLog(directory.path);
  const value = Buffer.from("x");
  await log.append("telemetry", 0, [{ timestamp: 1, key: "t/a", value, headers: [] }]);
  const watching = openLogStore({ directory: directory.path, bytesMax: 1024 ** 3, readOnly: true, sync: true });
  const snapshots = (): readonly string[] => SNAPSHOT.exec(watching.root.readerList()) ?? [];
  // What the log itself has looked at.
  while (snapshots().length > 0) await sleep(1);
  const held: Record<string, readonly string[]> = {};
  const reading = await readEmbeddedLog(directory.path);
  held["opened"] = snapshots();
  const offset = reading.partitions("telemetry")[0]?.startOffset ?? -1;
  held["asked"] = snapshots();
  const reader = reading.openReader([{ topic: "telemetry", partition: 0, offset }]);
  const [slice] = await reader.poll({ bytesMax: 1000, waitMs: 0 });
  held["polled"] = snapshots();
  expect(slice?.records).toHaveLength(1);
  expect(held).toEqual({ opened: [], asked: [], polled: [] });
  await reading.close();
  await watching.root.close();
  await log.close(AbortSignal.timeout(5000));
});
