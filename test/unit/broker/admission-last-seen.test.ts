import { describe, expect, test } from "vitest";
import { type Admission, type AdmittedRun, createAdmission } from "../../../broker/admission.ts";
import { createMetrics } from "../../../core/metrics.ts";

function open() {
  return createAdmission({
    intake: {
      take() {
        throw new Error("nothing is taken here");
      },
    },
    clock: { now: () => 5 },
    tracing: null,
    metrics: createMetrics(),
    admissionPrefix: "gw.1.",
  });
}

const run = (key: string, timestamp: number, via: string | null = null): AdmittedRun & { timestamp: number } => ({
  key,
  via,
  messages: 1,
  bytes: 10,
  timestamp,
  seenAt: 0,
  isNoted: false,
});

test("of each device the newest receive time is told, once", () => {
  const admission = open();
  for (const landed of [
    run("acme/a", 30),
    run("acme/a", 10),
    run("acme/b", 20, "acme/gw"),
    run("acme/c", 25, "acme/gw"),
  ])
    admission.landed(landed);
  const seen = { "acme/a": 30, "acme/b": 20, "acme/c": 25, "acme/gw": 25 };
  expect(Object.fromEntries(admission.drainLastSeen())).toEqual(seen);
  expect(admission.drainLastSeen().size).toBe(0);
});

test("a run that is used again is told with its newest time, and again after that", () => {
  const admission = open();
  const again = run("acme/a", 1);
  admission.landed(again);
  again.timestamp = 2;
  admission.landed(again);
  expect([...admission.drainLastSeen()]).toEqual([["acme/a", 2]]);
  again.timestamp = 3;
  admission.landed(again);
  expect([...admission.drainLastSeen()]).toEqual([["acme/a", 3]]);
});

test("none is forgotten among many", () => {
  const admission = open();
  for (let n = 1; n <= 10_000; n += 1) admission.landed(run(`acme/${n}`, n));
  admission.landed(run("acme/1", 10_001));
  const seen = admission.drainLastSeen();
  expect([seen.size, seen.get("acme/1"), seen.get("acme/9999")]).toEqual([10_000, 10_001, 9999]);
});

describe("of many devices", () => {
  const told = (admission: Admission, most: number) => [...admission.drainLastSeen(most).keys()];

  test("a part is told at a time, those that wait longest first, with their newest times", () => {
    const admission = open();
    for (const name of ["a", "b", "c"]) admission.landed(run(`acme/${name}`, 1));
    admission.landed(run("acme/a", 2));
    expect([...admission.drainLastSeen(2)]).toEqual([
      ["acme/a", 2],
      ["acme/b", 1],
    ]);
    admission.landed(run("acme/a", 3));
    expect(told(admission, 2)).toEqual(["acme/c", "acme/a"]);
    expect(told(admission, 2)).toEqual([]);
  });

  test("all are told in a few rounds, however many there are, and at once to who asks for all", () => {
    const admission = open();
    for (let n = 0; n < 1000; n += 1) admission.landed(run(`acme/${n}`, n));
    const rounds = Array.from({ length: 5 }, () => {
      const keys = told(admission, 10);
      // A steady fleet: who was told of reports again.
      for (const key of keys) admission.landed(run(key, 2000));
      return keys;
    });
    expect(rounds.map((keys) => keys.length)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(rounds.flat()).size).toBe(1000);
    expect(admission.drainLastSeen().size).toBe(1000);
  });
});
