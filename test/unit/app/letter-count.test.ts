import { describe, expect, it } from "vitest";
import { createLetterCount } from "../../../app/ledger/letter-count.ts";
import { JOURNALS } from "../../../app/journals.ts";
import { MillraceError } from "../../../core/errors.ts";
import type { LogStatus } from "../../../core/event-log.ts";

/** The log when the tables' sink has read so many records. */
function sinkAt(offset: number): Pick<LogStatus, "journals"> {
  const positions = [{ topic: "dead-letters", partition: 0, offset }] as const;
  return { journals: [{ name: JOURNALS.clickhouse, partition: 0, epoch: 1, positions, nextTimer: null }] };
}

function stand(answers: () => Promise<number>) {
  let now = 0;
  let asked = 0;
  const ask = (): Promise<number> => {
    asked += 1;
    return answers();
  };
  const letters = createLetterCount(ask, { now: () => now }, 10);
  return {
    async look(offset: number) {
      now += 5000;
      return letters.latest(sinkAt(offset));
    },
    soon: (offset: number) => letters.latest(sinkAt(offset)),
    asked: () => asked,
  };
}

describe("the dead letters of users' functions", () => {
  it("are counted again when the tables' sink has moved, and once more afterwards", async () => {
    let stored = 2;
    const { look, soon, asked } = stand(() => Promise.resolve(stored));
    expect(await look(10)).toBe(2);
    expect(await look(10)).toBe(2);
    stored = 3;
    expect(await look(10)).toBe(2);
    expect(asked()).toBe(2);
    expect(await look(11)).toBe(3);
    stored = 4;
    expect(await soon(11)).toBe(3);
    expect(await look(11)).toBe(4);
    stored = 5;
    expect(await look(11)).toBe(4);
    expect(asked()).toBe(4);
  });

  it("are those of the last count while the tables do not answer", async () => {
    let isAway = false;
    const away = () => Promise.reject(new MillraceError("SINK_UNAVAILABLE", "nobody answers"));
    const { look } = stand(() => (isAway ? away() : Promise.resolve(2)));
    expect(await look(10)).toBe(2);
    isAway = true;
    expect(await look(11)).toBe(2);
    const silent = stand(() => new Promise(() => undefined));
    expect(await silent.look(10)).toBeNull();
  });

  it("are unknown where nothing stores them", async () => {
    expect(await createLetterCount(null, { now: () => 0 }).latest(sinkAt(1))).toBeNull();
  });
});
