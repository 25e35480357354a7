import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { alarmEvent, notifyFixture, until } from "./notify-fixture.ts";

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close();
});

function fixture() {
  const made = notifyFixture([]);
  cleanUp.push(() => made.kill());
  return made;
}

const BAD_RECORDS: readonly (readonly [string, string])[] = [
  ["no JSON", "{"],
  ["not an object", "null"],
  ["a field too few", JSON.stringify({ ...alarmEvent("bad"), severity: undefined })],
  ["an unknown transition", JSON.stringify({ ...alarmEvent("bad"), transition: "exploded" })],
  ["an id that is none", JSON.stringify({ ...alarmEvent("bad"), id: "../../etc" })],
  ["a prototype", '{"__proto__":{"id":"bad"},"v":1}'],
  ["depth", `${"[".repeat(10_000)}${"]".repeat(10_000)}`],
];

describe("reading alarms", () => {
  it.each(BAD_RECORDS)("skips and counts a record with %s, and goes on", async (_, poison) => {
    const { log, registry, start, count } = fixture();
    log.putAlarm(0, poison, 1);
    log.putAlarm(0, alarmEvent("good"), 2);
    const sink = await start();
    await until(() => registry.states.has("good"));
    expect(registry.states.size).toBe(1);
    expect(count("millrace_notify_skipped_total")).toBe(1);
    expect(sink.notReadyReasons()).toEqual([]);
  });

  it("drops what a restarted stage emitted again", async () => {
    const { log, registry, start, count } = fixture();
    log.putAlarm(0, alarmEvent("a1"), 5);
    log.putAlarm(0, { ...alarmEvent("a1"), value: -1 }, 5);
    log.putAlarm(0, { ...alarmEvent("a0"), value: -1 }, 4);
    log.putAlarm(0, alarmEvent("a2"), 6);
    await start();
    await until(() => registry.states.has("a2"));
    expect([...registry.states.keys()]).toEqual(["a1", "a2"]);
    expect(count("millrace_notify_repeats_total")).toBe(2);
  });

  it("goes on where it was, and remembers what it dropped by, after a restart", async () => {
    const { log, registry, start, stop, count } = fixture();
    log.putAlarm(2, alarmEvent("a1"), 5);
    await start();
    await until(() => registry.states.has("a1"));
    await stop();
    log.putAlarm(2, alarmEvent("a1"), 5);
    log.putAlarm(2, alarmEvent("a2"), 6);
    await start();
    await until(() => registry.states.has("a2"));
    expect(count("millrace_notify_events_total")).toBe(2);
    expect(count("millrace_notify_repeats_total")).toBe(1);
  });

  it("tells the log how far it is", async () => {
    const { log, registry, start, stop } = fixture();
    log.putAlarm(3, alarmEvent("a1"), 1);
    await start();
    await until(() => registry.states.has("a1"));
    await stop();
    expect(log.journal.at(-1)?.positions.map(({ offset }) => offset)).toEqual([0, 0, 0, 1]);
    expect(log.journal.every(({ kind, complete, body }) => kind === "snapshot" && complete && body.length === 0)).toBe(
      true,
    );
  });

  it("waits while the registry is away, says so, and loses nothing", async () => {
    const { log, registry, start, faults } = fixture();
    registry.failing = { call: "applyEvents", error: new MillraceError("REGISTRY_IO", "the disk is gone") };
    log.putAlarm(0, alarmEvent("a1"), 1);
    const sink = await start();
    await until(() => sink.notReadyReasons().some((reason) => reason.includes("the disk is gone")));
    registry.failing = null;
    await until(() => registry.states.has("a1"));
    await until(() => sink.notReadyReasons().length === 0);
    expect(faults.map((fault) => fault.slice(0, 21))).toEqual(["notify-reader raised:", "notify-reader cleared"]);
  });

  it("sets aside the one event that the registry refuses for good", async () => {
    const { log, registry, start, count } = fixture();
    registry.refusedAlarm = "a2";
    for (const [n, id] of ["a1", "a2", "a3"].entries()) log.putAlarm(0, alarmEvent(id), n + 1);
    await start();
    await until(() => registry.states.has("a3"));
    expect([...registry.states.keys()]).toEqual(["a1", "a3"]);
    expect(count("millrace_notify_skipped_total")).toBe(1);
  });

  it("starts over when another reader has taken the journal", async () => {
    const { log, registry, start } = fixture();
    await start();
    await until(() => log.epoch === 1);
    log.epoch = 7;
    log.putAlarm(0, alarmEvent("a1"), 1);
    await until(() => log.epoch === 8);
    await until(() => registry.states.has("a1"));
    await until(() => log.journal.at(-1)?.positions[0]?.offset === 1);
  });

  it("reports alarms that retention deleted unread, and reads the rest", async () => {
    const { log, registry, start, faults, count } = fixture();
    for (const n of [1, 2, 3]) log.putAlarm(0, alarmEvent(`a${n}`), n);
    log.deleteBefore(0, 2);
    await start();
    await until(() => registry.states.has("a3"));
    expect(count("millrace_notify_missed_total")).toBe(2);
    expect(faults).toEqual([
      "notify-missed happened: Retention deleted 2 alarm records before they were read; their alarms are not known here.",
    ]);
  });

  it("reports a loss once, however often it starts before the next alarm comes", async () => {
    const { log, start, stop, faults } = fixture();
    for (const n of [1, 2]) log.putAlarm(0, alarmEvent(`a${n}`), n);
    log.deleteBefore(0, 2);
    for (const starts of [1, 2, 3]) {
      await start();
      await until(() => log.epoch === starts && log.journal.length >= starts);
      await stop();
    }
    expect(faults).toEqual([expect.stringContaining("notify-missed happened")]);
  });

  it("reads a log that was emptied from its start", async () => {
    const first = fixture();
    for (const n of [1, 2, 3]) first.log.putAlarm(0, alarmEvent(`a${n}`), n);
    await first.start();
    await until(() => first.registry.states.size === 3);
    await first.stop();
    const second = fixture();
    await second.registry.alarms.applyEvents([], await first.registry.alarms.positions());
    // The new generation is what a reset of the log brings; the record has no source here, which is the same to the reader.
    second.log.putAlarm(0, alarmEvent("b1"));
    await second.start();
    await until(() => second.registry.states.has("b1"));
  });
});
