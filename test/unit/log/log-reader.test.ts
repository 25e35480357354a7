import { afterAll, expect, test } from "vitest";
import { DurableMark } from "../../../log/embedded/durable-mark.ts";
import { EmbeddedLogReader } from "../../../log/embedded/log-reader.ts";
import { openLogStore } from "../../../log/embedded/log-store.ts";
import { LogTopology } from "../../../log/topology.ts";
import { allTexts, text } from "../../contract/event-log/log-harness.ts";
import { temporaryDirectory } from "../../support/instance.ts";
import { openTestLog } from "./open-test-log.ts";
import type { LogStore } from "../../../log/embedded/log-store.ts";

const directory = temporaryDirectory();
afterAll(() => directory.dispose());

/** The disk cannot read the commit with this number once, when it is asked for. */
function failingOnceAt(store: LogStore, bad: number): LogStore {
  let failures = 0;
  const commits = new Proxy(store.commits, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (sequence: number) => {
        if (name === "getBinaryFast" && sequence === bad && failures === 0) {
          failures += 1;
          throw new Error("Input/output error");
        }
        return Reflect.apply(value, target, [sequence]);
      };
    },
  });
  return { ...store, commits };
}

test("what a poll had found when it failed half way is found by the next one", async () => {
  const log = await openTestLog(directory.path);
  for (const value of ["a", "b", "c"]) await log.append("telemetry", 0, [text(value)]);
  const { topics, partitionCount, port } = log.connect();
  port.close();
  await log.close(AbortSignal.timeout(5000));
  const store = openLogStore({ directory: directory.path, bytesMax: 1024 ** 3, readOnly: true, sync: true });
  const mark = new DurableMark();
  mark.publishSequence(3);
  const reader = new EmbeddedLogReader(
    {
      directory: directory.path,
      store: failingOnceAt(store, 2),
      topology: new LogTopology(topics, partitionCount),
      mark,
      onCorrupt: () => undefined,
    },
    [{ topic: "telemetry", partition: 0, offset: 0 }],
  );
  const poll = () => reader.poll({ bytesMax: 1_000_000, waitMs: 0 });
  await expect(poll()).rejects.toThrow("Input/output error");
  expect(allTexts(await poll())).toEqual(["a", "b", "c"]);
  await store.root.close();
});
