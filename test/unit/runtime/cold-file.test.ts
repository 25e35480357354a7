import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, it, vi } from "vitest";
import { createMetrics } from "../../../core/metrics.ts";
import { ColdFile } from "../../../runtime/cold-file.ts";
import type { Logger } from "../../../core/logger.ts";

describe("the file for state that memory does not hold", () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-cold-"));
  afterAll(() => rmSync(root, { recursive: true }));

  function coldFile(directory: string) {
    const errors: string[] = [];
    const time = { now: 0 };
    const say = (_: object, text: string): void => void errors.push(text);
    const logger: Logger = { debug: say, info: say, warn: say, error: say };
    const metrics = createMetrics();
    const monotonic = { now: () => time.now };
    const file = new ColdFile({ stage: "s", directory, bytesMax: 900, monotonic, logger, metrics });
    return { file, errors, time };
  }

  it("gives back what was put last, is shared by partitions, and gone when it is closed", () => {
    const directory = join(root, "a");
    const { file } = coldFile(directory);
    expect(existsSync(directory)).toBe(false);
    const [first, second] = [file.partition(0, () => 3), file.partition(1, () => 3)];
    expect(first.bytesMax()).toBe(300);
    expect(
      first.put([
        { key: "t/a", text: "1" },
        { key: "t/ä\u0000", text: "\u2028\ud83d\ude00" },
      ]),
    ).toBe(true);
    expect(second.put([{ key: "t/a", text: "2" }])).toBe(true);
    first.put([{ key: "t/a", text: "3" }]);
    expect([first.get("t/a"), first.get("t/ä\u0000"), second.get("t/a")]).toEqual(["3", "\u2028\ud83d\ude00", "2"]);
    file.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("keeps what is restored apart from what it holds of the same partition, which may still be in use", () => {
    const { file } = coldFile(join(root, "b"));
    const before = file.partition(0, () => 1);
    before.put([{ key: "t/a", text: "1" }]);
    const restored = file.partition(0, () => 1);
    expect(() => restored.get("t/a")).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
    restored.put([{ key: "t/b", text: "2" }]);
    expect(() => restored.get("t/a")).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
    before.put([{ key: "t/b", text: "3" }]);
    expect([before.get("t/a"), before.get("t/b"), restored.get("t/b")]).toEqual(["1", "3", "2"]);
    file.close();
  });

  it("lets go of what a partition had there when nobody can ask for it any more", async () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect !== "function") throw new TypeError("nothing collects");
    const exec = vi.spyOn(DatabaseSync.prototype, "exec");
    const { file } = coldFile(join(root, "d"));
    const kept = file.partition(0, () => 1);
    kept.put([{ key: "t/a", text: "1" }]);
    const dropped = (): string[] => exec.mock.calls.map(([sql]) => sql).filter((sql) => sql.startsWith("drop table"));
    file.partition(0, () => 1).put([{ key: "t/a", text: "2" }]);
    const deadline = Date.now() + 10_000;
    while (dropped().length === 0 && Date.now() < deadline) {
      collect();
      await nextTurn();
    }
    expect(dropped()).toEqual(["drop table if exists p0_2"]);
    exec.mockRestore();
    expect(kept.get("t/a")).toBe("1");
    file.close();
  });

  it("refuses what cannot be written, says so once in a while, and takes it again", () => {
    const directory = join(root, "c");
    writeFileSync(directory, "");
    const { file, errors, time } = coldFile(directory);
    const state = file.partition(0, () => 1);
    const put = (): boolean => state.put([{ key: "t/a", text: "1" }]);
    expect([put(), put()]).toEqual([false, false]);
    expect(errors).toEqual([`${directory} cannot be written: state that is not used stays in memory`]);
    rmSync(directory);
    time.now = 60_000;
    expect(put()).toBe(true);
    expect(state.get("t/a")).toBe("1");
    file.close();
  });
});
