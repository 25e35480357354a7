import { expect, test } from "vitest";
import { type AdmittedRun, createAdmission } from "../../../broker/admission.ts";
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
