import { expect, test } from "vitest";
import { findEarlyOutputs } from "../../support/strace-durability.ts";
import { parseStraceLog } from "../../support/strace-log.ts";
import { rawPublish } from "../../support/raw-mqtt.ts";

const DEVICE = "TCP:[127.0.0.1:1883->127.0.0.1:5]";
const BROWSER = "TCP:[127.0.0.1:8080->127.0.0.1:6]";
const hex = (bytes: Uint8Array): string => [...bytes].map((b) => `\\x${b.toString(16).padStart(2, "0")}`).join("");
const text = (chars: string): string => hex(Buffer.from(chars));

/** What happens to one message, in the order that keeps the promise. */
const OPEN = `1  openat(AT_FDCWD</>, "${text("/d/log.mdb")}", O_WRONLY|O_DSYNC) = 25</d/log.mdb>`;
const READ = `1  read(43<${DEVICE}>, "${hex(rawPublish("t", "mark-1", 9))}", 65536) = 14`;
const PAGES = `2  pwrite64(24</d/log.mdb>, "${text("..mark-1..")}", 4096, 40960) = 4096`;
const SYNC = "2  fdatasync(24</d/log.mdb>) = 0";
const META = `2  pwrite64(25</d/log.mdb>, "${text("meta")}", 120, 4104) = 120`;
const PUBACK = `1  write(43<${DEVICE}>, "\\x40\\x02\\x00\\x09", 4) = 4`;
const FRAME = `3  write(50<${BROWSER}>, "${text('{"mark-1"}')}", 10) = 10`;

const judge = (...lines: readonly string[]) =>
  findEarlyOutputs(parseStraceLog(lines), { logFile: "/d/log.mdb", mqttPort: 1883, marks: ["mark-1"] });

test("a record that is written, synced, named by the meta page and only then acknowledged and shown breaks no promise", () => {
  const findings = judge(OPEN, READ, PAGES, SYNC, META, PUBACK, FRAME);
  expect(findings).toEqual({ acknowledgements: 1, outputs: new Map([[BROWSER, 1]]), violations: [] });
});

test.each([
  ["before its sync", [OPEN, READ, PAGES, PUBACK, SYNC, META]],
  ["without any sync", [OPEN, READ, PAGES, META, PUBACK]],
  ["after a sync that began before the write", [OPEN, READ, SYNC, PAGES, META, PUBACK]],
  ["after its sync but before the meta page", [OPEN, READ, PAGES, SYNC, PUBACK, META]],
  ["without ever having been written", [OPEN, READ, SYNC, META, PUBACK]],
  ["after a sync of another file", [OPEN, READ, PAGES, SYNC.replace("log.mdb", "registry.sqlite"), META, PUBACK]],
  ["after a meta page that nothing syncs", [READ, PAGES, SYNC, META, PUBACK]],
  ["on the strength of an older message with the same bytes", [OPEN, PAGES, SYNC, META, READ, PUBACK]],
])("a message acknowledged %s is found", (_case, lines) => {
  const { acknowledgements, violations } = judge(...lines);
  expect(acknowledgements).toBe(1);
  expect(violations.filter((violation) => violation.startsWith("PUBACK 9"))).toHaveLength(1);
});

test("a sync that another thread's line interrupts counts from its return", () => {
  const begun = "2  fdatasync(24</d/log.mdb> <unfinished ...>";
  const ended = "2  <... fdatasync resumed>) = 0";
  expect(judge(OPEN, READ, PAGES, begun, PUBACK, ended, META).violations).toHaveLength(1);
  expect(judge(OPEN, READ, PAGES, begun, ended, META, PUBACK).violations).toEqual([]);
});

test("a meta page on a descriptor without O_DSYNC counts once it is synced itself", () => {
  expect(judge(READ, PAGES, SYNC, META, SYNC, PUBACK).violations).toEqual([]);
});

test("a frame that leaves before the sync is found, with where it went", () => {
  const { violations } = judge(OPEN, READ, PAGES, FRAME, SYNC, META, PUBACK);
  expect(violations).toEqual([expect.stringContaining(`mark-1 went to ${BROWSER}`)]);
});

test("a record that goes from one piece into the next is durable when the later of them is", () => {
  const page = (filler: string, from: string, to: string) =>
    text(`${"h".repeat(24)}${from}${filler.repeat(4072 - from.length - to.length)}${to}`);
  const write = (bytes: string, at: number) => `2  pwrite64(24</d/log.mdb>, "${bytes}", 4096, ${at}) = 4096`;
  const head = write(page("a", "", "mar"), 40_960);
  const tail = write(page("b", "k-1", ""), 81_920);
  expect(judge(OPEN, READ, tail, head, SYNC, META, PUBACK).violations).toEqual([]);
  expect(judge(OPEN, READ, head, SYNC, META, PUBACK, tail, SYNC, META).violations).toHaveLength(1);
  expect(judge(OPEN, READ, head, SYNC, META, PUBACK).violations).toHaveLength(1);
});
