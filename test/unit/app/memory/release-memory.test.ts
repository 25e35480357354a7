import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { releaseMemory } from "../../../../app/memory/release-memory.ts";
import type { AddressRange } from "../../../../app/memory/mapped-files.ts";
import type { Logger } from "../../../../core/logger.ts";

const PROGRAM = [
  "400000-b00000 r-xp 00000000 fe:01 1048 /usr/bin/node",
  "Anonymous:             0 kB",
  "Swap:                  0 kB",
  "",
].join("\n");
const PROGRAM_START = 0x40_0000n;
const LOG_START = 0x1000n;

describe("releaseMemory", () => {
  let directory: string;
  let warnings: object[];
  let logger: Logger;
  let released: bigint[];
  let trims: number;

  beforeEach(() => {
    vi.useFakeTimers();
    directory = realpathSync(mkdtempSync(join(tmpdir(), "release-memory-")));
    warnings = [];
    released = [];
    trims = 0;
    const nothing = () => undefined;
    logger = { debug: nothing, info: nothing, warn: (fields) => void warnings.push(fields), error: nothing };
  });

  afterEach(() => {
    vi.useRealTimers();
    rmSync(directory, { recursive: true });
  });

  const letGo = ({ start }: AddressRange) => released.push(start) > 0;
  const begin = (how: Partial<Parameters<typeof releaseMemory>[0]> = {}) =>
    releaseMemory({
      directory,
      logger,
      open: () => Promise.resolve({ letGo, trim: () => void (trims += 1) }),
      readProc: (file) =>
        file === "smaps"
          ? PROGRAM
          : [
              `1000-2000 r--s 00000000 fe:01 7 ${directory}/log/log.mdb`,
              `3000-4000 r--s 00000000 fe:01 8 ${directory}-of-another/log/log.mdb`,
              `5000-6000 r--s 00000000 fe:01 9 ${directory}/registry.sqlite-shm`,
            ].join("\n"),
      ...how,
    });

  it("lets go of this installation's log ten times a second, and of nothing else", async () => {
    await begin();
    vi.advanceTimersByTime(300);
    expect(released).toEqual([LOG_START, LOG_START, LOG_START]);
    expect(warnings).toEqual([]);
  });

  it("lets go of programs and trims the heap now and then", async () => {
    await begin();
    vi.advanceTimersByTime(14_999);
    expect([released.includes(PROGRAM_START), trims]).toEqual([false, 0]);
    vi.advanceTimersByTime(1);
    expect([released.includes(PROGRAM_START), trims]).toEqual([true, 1]);
  });

  it("does nothing any more once it is ended", async () => {
    const end = await begin();
    end();
    vi.advanceTimersByTime(60_000);
    expect([released, trims]).toEqual([[], 0]);
  });

  it("says it once and goes on where there is no package for this machine", async () => {
    const end = await begin({ open: () => Promise.reject(new Error("Cannot find package 'koffi'")) });
    vi.advanceTimersByTime(60_000);
    end();
    expect(warnings).toEqual([{ cause: "Cannot find package 'koffi'" }]);
    expect(released).toEqual([]);
  });

  it("says it once and leaves it when the kernel refuses", async () => {
    await begin({ open: () => Promise.resolve({ letGo: () => false, trim: () => undefined }) });
    vi.advanceTimersByTime(10_000);
    expect(warnings).toEqual([{ cause: "the kernel refuses madvise" }]);
  });

  it("says it once and leaves it when /proc cannot be read, at first or later", async () => {
    const readProc = () => {
      throw new Error("ENOENT");
    };
    await begin({ readProc });
    await begin({ readProc: (file) => (file === "smaps" ? PROGRAM : readProc()) });
    vi.advanceTimersByTime(10_000);
    expect(warnings).toEqual([{ cause: "ENOENT" }, { cause: "ENOENT" }]);
    expect(released).toEqual([]);
  });
});
