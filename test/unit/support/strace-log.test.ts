import { expect, test } from "vitest";
import { parseStraceLog } from "../../support/strace-log.ts";

const hex = (text: string): string =>
  [...Buffer.from(text)].map((b) => `\\x${b.toString(16).padStart(2, "0")}`).join("");

test("a call on one line starts and returns there, with its descriptor, target and bytes", () => {
  const [call] = parseStraceLog([
    `77  1795253012.735996 read(43<${hex("TCP:[1.2.3.4:5]")}>, "${hex("abc")}", 65536) = 3`,
  ]);
  expect(call).toMatchObject({ thread: 77, name: "read", descriptor: 43, target: "TCP:[1.2.3.4:5]", result: 3 });
  expect(call?.bytes.toString()).toBe("abc");
  expect([call?.startedAt, call?.returnedAt]).toEqual([1, 1]);
});

test("the addresses of a connection are its target, arrow and all", () => {
  const [call] = parseStraceLog([`7  read(43<TCP:[127.0.0.1:1883->127.0.0.1:40000]>, "${hex(">]>")}", 65536) = 3`]);
  expect(call?.target).toBe("TCP:[127.0.0.1:1883->127.0.0.1:40000]");
  expect(call?.bytes.toString()).toBe(">]>");
});

test("a call that others interrupt starts on its first line and returns on its last", () => {
  const calls = parseStraceLog([
    `1  write(4<pipe:[9]>, "${hex("x")}", 1 <unfinished ...>`,
    `2  read(5<pipe:[8]>,  <unfinished ...>`,
    `1  <... write resumed>) = 1`,
    `2  <... read resumed>"${hex("yz")}", 1024) = 2`,
  ]);
  expect(calls.map((c) => [c.name, c.bytes.toString(), c.startedAt, c.returnedAt, c.result])).toEqual([
    ["write", "x", 1, 3, 1],
    ["read", "yz", 2, 4, 2],
  ]);
});

test("the parts of a vectored write are put together, and the position stays in the arguments", () => {
  const iov = `[{iov_base="${hex("ab")}", iov_len=2}, {iov_base="${hex("cd")}", iov_len=2}]`;
  const [call] = parseStraceLog([`1  pwritev(24</data/log.mdb>, ${iov}, 2, 8192) = 4`]);
  expect(call?.bytes.toString()).toBe("abcd");
  expect(call?.target).toBe("/data/log.mdb");
  expect(call?.args.endsWith(", 2, 8192")).toBe(true);
});

test("a call that never returned has no result and returns at no line", () => {
  const calls = parseStraceLog([`1  fdatasync(24</d/log.mdb> <unfinished ...>`, `2  fsync(3</d/other>) = ?`]);
  expect(calls.map((c) => [c.result, c.returnedAt])).toEqual([
    [null, Infinity],
    [null, Infinity],
  ]);
});

test("a failed call has its negative result", () => {
  const [call] = parseStraceLog([
    `1  read(9<${hex("TCP:[a]")}>, 0x7ffd, 65536) = -1 EAGAIN (Resource temporarily unavailable)`,
  ]);
  expect(call?.result).toBe(-1);
  expect(call?.bytes.length).toBe(0);
});

test("what openat was asked for and what it gave are both there", () => {
  const [call] = parseStraceLog([
    `1  openat(AT_FDCWD<${hex("/")}>, "${hex("/d/log.mdb")}", O_WRONLY|O_DSYNC|O_CLOEXEC) = 25<${hex("/d/log.mdb")}>`,
  ]);
  expect(call).toMatchObject({ name: "openat", descriptor: null, result: 25 });
  expect(call?.bytes.toString()).toBe("/d/log.mdb");
  expect(call?.args).toContain("O_DSYNC");
});

test("signals, ends of threads and lines of other shapes are left out", () => {
  expect(
    parseStraceLog(["1  +++ exited with 0 +++", "1  --- SIGTERM {si_signo=SIGTERM} ---", "", "strace: hello"]),
  ).toEqual([]);
});
