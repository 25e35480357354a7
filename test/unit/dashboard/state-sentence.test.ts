import { describe, expect, it } from "vitest";
import type { Overview } from "../../../core/overview.ts";
import { stateSentence } from "../../../dashboard/web/model/state-sentence.ts";

const messages = {
  admitted: 0,
  processed: 0,
  duplicate: 0,
  quarantined: 0,
  deadLettered: 0,
  expired: 0,
  corrupt: 0,
  inFlight: 0,
  difference: 0,
};
const values = { produced: 0, stored: 0, filtered: 0, quarantined: 0, inFlight: 0, difference: 0, checked: true };
const WELL: Overview = {
  at: 0,
  hops: [{ name: "in", ratePerSecond: 1, lag: 0, state: "ok" }],
  ledger: { messages, values, late: { dropped: 0, forAlarm: 0 } },
  devices: { total: 214, reporting: 214, silent: 0 },
  alarms: { active: 0, total: 9 },
  functions: { deadLetters: 0 },
  faults: [],
};

describe("stateSentence", () => {
  it("is calm when all is well", () => {
    expect(stateSentence(WELL)).toEqual({ tone: "ok", text: "All 214 devices are reporting; no active alarms." });
  });

  it("names what is wrong, the platform's own faults first", () => {
    const stopped = { name: "clickhouse", ratePerSecond: 0, lag: 5, state: "stopped" } as const;
    const bad: Overview = {
      ...WELL,
      hops: [stopped],
      alarms: { active: 1, total: 9 },
      devices: { total: 214, reporting: 210, silent: 4 },
      faults: [{ id: "f", since: 0, text: "disk" }],
    };
    expect(stateSentence(bad)).toEqual({
      tone: "attention",
      text: "1 platform fault; ClickHouse stopped; 1 active alarm; 4 of 214 devices silent.",
    });
  });

  it("does not hide a ledger that does not balance", () => {
    const off = { ...WELL, ledger: { ...WELL.ledger, messages: { ...messages, difference: -1 } } };
    expect(stateSentence(off).text).toBe("The ledger does not balance.");
  });

  it("ignores the value sum where nothing stores values", () => {
    const unchecked = { ...WELL, ledger: { ...WELL.ledger, values: { ...values, difference: 7, checked: false } } };
    expect(stateSentence(unchecked).tone).toBe("ok");
  });

  it("says what is missing when there is nothing yet", () => {
    expect(stateSentence({ ...WELL, devices: { total: 0, reporting: 0, silent: 0 } }).text).toContain(
      "No device has been added",
    );
    expect(stateSentence({ ...WELL, devices: { total: 2, reporting: 0, silent: 0 } }).text).toContain(
      "None of 2 devices",
    );
    expect(stateSentence({ ...WELL, devices: { total: 1, reporting: 0, silent: 0 } }).text).toContain(
      "The one device has not reported",
    );
  });

  it("does not count devices that never sent anything as reporting", () => {
    const { tone, text } = stateSentence({ ...WELL, devices: { total: 6, reporting: 5, silent: 0 } });
    expect({ tone, text }).toEqual({
      tone: "ok",
      text: "5 of 6 devices are reporting, the others never have; no active alarms.",
    });
  });
});
