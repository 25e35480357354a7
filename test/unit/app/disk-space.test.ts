import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { createDiskSpace, type FileSystemSize } from "../../../app/disk-space.ts";
import { silentLogger } from "../../../core/logger.ts";

const logger = silentLogger;

test("tells what is free for the process and how large the file system is", async () => {
  const ask = () => Promise.resolve({ bsize: 4096, blocks: 1000, bavail: 50 });
  const samples = await createDiskSpace({ path: "/data", logger, ask })();
  expect(samples.map(({ name, type, value }) => [name, type, value])).toEqual([
    ["millrace_disk_free_bytes", "gauge", 204_800],
    ["millrace_disk_size_bytes", "gauge", 4_096_000],
  ]);
});

test("asks the file system of the directory", async () => {
  const [free, size] = await createDiskSpace({ path: tmpdir(), logger })();
  expect(free?.value).toBeGreaterThan(0);
  expect(size?.value).toBeGreaterThanOrEqual(free?.value ?? Infinity);
});

test("has no samples of a file system that refuses, and asks again at the next scrape", async () => {
  let asked = 0;
  const ask = () => {
    asked += 1;
    return asked === 1 ? Promise.reject(new Error("ESTALE")) : Promise.resolve({ bsize: 1, blocks: 2, bavail: 1 });
  };
  const read = createDiskSpace({ path: "/data", logger, ask });
  expect(await read()).toEqual([]);
  expect(await read()).toHaveLength(2);
});

test("keeps no scrape waiting for a file system that does not answer, and asks it no second time meanwhile", async () => {
  const answers: ((size: FileSystemSize) => void)[] = [];
  const ask = () => new Promise<FileSystemSize>((resolve) => answers.push(resolve));
  const read = createDiskSpace({ path: "/data", logger, ask, waitMs: 10 });
  expect(await read()).toEqual([]);
  expect(await read()).toEqual([]);
  expect(answers).toHaveLength(1);
  const [one, another] = [read(), read()];
  answers[0]?.({ bsize: 1, blocks: 2, bavail: 1 });
  expect((await one).map(({ value }) => value)).toEqual([1, 2]);
  expect(await another).toEqual(await one);
  void read();
  expect(answers).toHaveLength(2);
});
