import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startInstance, temporaryDirectory } from "../support/instance.ts";

/** Niceness by thread name, of a process on Linux (proc(5), field 19 of stat). */
function nicenessByThread(pid: number): ReadonlyMap<string, number> {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread): readonly [string, number] => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    return [stat.slice(stat.indexOf("(") + 1, end), Number(stat.slice(end + 2).split(" ")[16])];
  });
  return new Map(threads);
}

test.skipIf(process.platform !== "linux")(
  "the thread that acknowledges comes before those that process and store",
  async () => {
    const data = temporaryDirectory();
    const instance = await startInstance({ data: data.path });
    try {
      const niceness = nicenessByThread(instance.pid);
      expect(niceness.get("MainThread")).toBe(0);
      for (const name of ["services", "processors", "clickhouse"]) expect(niceness.get(name)).toBeGreaterThan(0);
    } finally {
      await instance.kill();
      data.dispose();
    }
  },
);
