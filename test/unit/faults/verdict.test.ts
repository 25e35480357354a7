import { expect, test } from "vitest";
import { MEMORY_MB_MAX } from "../../faults/memory-watch.ts";
import { wrongOf, type Figures } from "../../faults/verdict.ts";

const GOOD: Figures = {
  seed: "1",
  client: "platformatic",
  seconds: 60,
  kinds: {},
  starts: 6,
  failedStarts: 0,
  sent: 100,
  acknowledged: 100,
  missing: 0,
  disordered: 0,
  readingsWrong: 0,
  windows: 10,
  windowsWrong: 0,
  windowRowsWrong: 0,
  alarms: 5,
  alarmsWrong: 0,
  alarmRowsWrong: 0,
  rows: 200,
  distinctRows: 200,
  values: 200,
  balanced: true,
  storedOnce: true,
  publishedBelowMinIsr: 0,
  acknowledgedBelowMinIsr: 0,
  recoverySeconds: 3,
  endedByThemselves: [],
  hungStops: [],
  memory: { api: 1, gateway: 1, processors: 1, sinks: 1 },
};

/** What is wrong, and what it is called. */
const BAD: readonly (readonly [Partial<Figures>, string])[] = [
  [{ acknowledged: 99 }, "unacknowledged"],
  [{ missing: 1 }, "missing"],
  [{ disordered: 1 }, "disordered"],
  [{ readingsWrong: 1 }, "readingsWrong"],
  [{ windows: 0 }, "windows"],
  [{ windowsWrong: 1 }, "windowsWrong"],
  [{ windowRowsWrong: 1 }, "windowRowsWrong"],
  [{ alarms: 0 }, "alarms"],
  [{ alarmsWrong: 1 }, "alarmsWrong"],
  [{ alarmRowsWrong: 1 }, "alarmRowsWrong"],
  [{ values: 202 }, "rows"],
  [{ distinctRows: 199 }, "distinctRows"],
  [{ balanced: false }, "balanced"],
  [{ storedOnce: false }, "storedOnce"],
  [{ acknowledgedBelowMinIsr: 1 }, "acknowledgedBelowMinIsr"],
  [{ kinds: { "two-brokers-down": 1 } }, "publishedBelowMinIsr"],
  [{ recoverySeconds: null }, "recoverySeconds"],
  [{ endedByThemselves: ["api"] }, "endedByThemselves"],
  [{ hungStops: ["processors-2"] }, "hungStops"],
  [{ memory: { api: 1, gateway: (MEMORY_MB_MAX["gateway"] ?? 0) + 1, processors: 1, sinks: 1 } }, "memory"],
  [{ memory: { api: 1, gateway: 1, processors: 1 } }, "memory"],
  [{ seconds: 420 }, "kinds"],
];

test("a run in which nothing is wrong has passed", () => {
  expect(wrongOf(GOOD)).toEqual([]);
});

test.each(BAD)("%j fails a run as %s", (figures, name) => {
  expect(wrongOf({ ...GOOD, ...figures })).toEqual([name]);
});
