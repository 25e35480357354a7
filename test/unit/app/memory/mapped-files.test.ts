import { describe, expect, it } from "vitest";
import { programMappings, sharedMappings } from "../../../../app/memory/mapped-files.ts";

const isLog = (path: string) => path.endsWith("/log.mdb");

describe("sharedMappings", () => {
  it("are those of the files that are wanted, and all of them", () => {
    const maps = [
      "55d0a0000000-55d0a2bcd000 r--p 00000000 fe:01 1048 /usr/bin/node",
      "7e0000000000-7e0500000000 r--s 00000000 fe:01 262157                     /data/log/log.mdb",
      "7e0600000000-7e0600002000 rw-s 00000000 fe:01 262158                     /data/log/log.mdb-lock",
      "7e0700000000-7e0700001000 rw-s 00000000 fe:01 262157                     /data/log/log.mdb",
      "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]",
      "",
    ].join("\n");
    expect(sharedMappings(maps, isLog)).toEqual([
      { start: 0x7e00_0000_0000n, end: 0x7e05_0000_0000n },
      { start: 0x7e07_0000_0000n, end: 0x7e07_0000_1000n },
    ]);
  });

  it("leaves out what is private: what was changed there would be lost", () => {
    expect(sharedMappings("7e0000000000-7e0500000000 r--p 00000000 fe:01 262157 /data/log/log.mdb", isLog)).toEqual([]);
  });

  it("leaves out memory that is shared and no file, and lines that it does not know", () => {
    const maps = [
      "7e0000000000-7e0500000000 rw-s 00000000 00:01 0 /log.mdb",
      "7e0000000000-7e0500000000 rw-s 00000000 00:00 0",
      "7e0000000000 r--s 00000000 fe:01 262157 /data/log/log.mdb",
      "garbage /data/log/log.mdb",
    ].join("\n");
    expect(sharedMappings(maps, isLog)).toEqual([]);
  });

  it("reads paths as the kernel writes them: with spaces, and a line feed as digits", () => {
    const paths: string[] = [];
    sharedMappings("1000-2000 r--s 00000000 fe:01 7 /my data\\012a/log.mdb", (path) => paths.push(path) > 0);
    expect(paths).toEqual(["/my data\na/log.mdb"]);
  });

  it("leaves out a file that was deleted, which the kernel says behind the path", () => {
    expect(sharedMappings("1000-2000 r--s 00000000 fe:01 7 /data/log/log.mdb (deleted)", isLog)).toEqual([]);
  });
});

/** As /proc/PID/smaps has a mapping, the lines that matter and some that do not. */
function mapping(head: string, { anonymous = 0, swapped = 0 } = {}): string {
  return [
    head,
    "Size: 20 kB",
    "Rss: 8 kB",
    `Anonymous:             ${anonymous} kB`,
    `Swap:  ${swapped} kB`,
    "VmFlags: rd ex mr",
    "",
  ].join("\n");
}

describe("programMappings", () => {
  it("are what nobody may write to and nothing was changed in, of files", () => {
    const smaps = [
      mapping("400000-b00000 r--p 00000000 fe:01 1048 /usr/bin/node"),
      mapping("b00000-2b00000 r-xp 00700000 fe:01 1048 /usr/bin/node"),
    ].join("");
    expect(programMappings(smaps)).toEqual([
      { start: 0x40_0000n, end: 0xb0_0000n },
      { start: 0xb0_0000n, end: 0x2b0_0000n },
    ]);
  });

  it("leave out what the loader has changed, also where that was swapped", () => {
    const head = "2c00000-2c10000 r--p 00000000 fe:01 1048 /usr/bin/node";
    expect(programMappings(mapping(head, { anonymous: 64 }) + mapping(head, { swapped: 4 }))).toEqual([]);
  });

  it("leave out what can be written, what is shared, and what is no file", () => {
    const smaps = [
      mapping("2c10000-2c20000 rw-p 00000000 fe:01 1048 /usr/bin/node"),
      mapping("7e0000000000-7e0500000000 r--s 00000000 fe:01 7 /data/log/log.mdb"),
      mapping("7f0000000000-7f0000100000 r-xp 00000000 00:00 0"),
      mapping("7f0000200000-7f0000202000 r-xp 00000000 00:00 0 [vdso]"),
    ].join("");
    expect(programMappings(smaps)).toEqual([]);
  });

  it("leave out a mapping of which the kernel does not say whether it was changed", () => {
    expect(programMappings("400000-b00000 r-xp 00000000 fe:01 1048 /usr/bin/node\nSize: 20 kB\n")).toEqual([]);
    expect(programMappings("")).toEqual([]);
  });
});
