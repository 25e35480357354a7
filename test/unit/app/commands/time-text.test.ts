import { describe, expect, it } from "vitest";
import { parseTimeText } from "../../../../app/commands/time-text.ts";
import { MillraceError } from "../../../../core/errors.ts";
import { LIMITS } from "../../../../core/limits.ts";

const NOON = Date.UTC(2026, 0, 31, 12);

describe("a time that is typed", () => {
  it.each([
    ["UTC milliseconds", String(NOON), NOON],
    ["the first of them", String(LIMITS.eventTimeMin), LIMITS.eventTimeMin],
    ["a date, from its first moment in UTC on", "2026-01-31", Date.UTC(2026, 0, 31)],
    ["date and time in UTC", "2026-01-31T12:00:00Z", NOON],
    ["no seconds", "2026-01-31T12:00Z", NOON],
    ["milliseconds", "2026-01-31T12:00:00.250Z", NOON + 250],
    ["an offset", "2026-01-31T13:30:00+01:30", NOON],
    ["an offset and no seconds", "2026-01-31T11:00-01:00", NOON],
  ])("may be %s", (_, text, time) => {
    expect(parseTimeText(text)).toBe(time);
  });

  it.each([
    ["a number in which Date finds a month", "-5"],
    ["a year", "2026"],
    ["a month", "2026-01"],
    ["seconds", String(NOON / 1000)],
    ["microseconds", String(NOON * 1000)],
    ["more digits than a number has", "1".repeat(400)],
    ["a fraction", `${NOON}.5`],
    ["an exponent", "1e12"],
    ["hexadecimal digits", "0x19bdc5c4400"],
    ["a word", "yesterday"],
    ["a word that Date reads as a date", "foo 1"],
    ["a date as people write it", "31 Jan 2026"],
    ["a date that American programs write", "1/31/2026"],
    ["a blank in place of the T", "2026-01-31 12:00:00Z"],
    ["a day that there is not", "2026-02-30"],
    ["a time on a day that there is not", "2026-02-30T12:00:00Z"],
    ["an hour that there is not", "2026-01-31T25:00:00Z"],
    ["blanks around it", ` ${NOON}`],
    ["nothing", ""],
    ["a time before any device's", "1999-12-31T23:59:59Z"],
    ["zero", "0"],
  ])("is refused when it is %s, with an example", (_, text) => {
    const { message, code, remedy } = refusalOf(text);
    expect(code).toBe("INVALID_INPUT");
    expect(remedy).toMatch(/Write 2026-01-31T12:00:00Z, 2026-01-31 \(from 00:00 UTC\) or UTC milliseconds/);
    expect(message.length).toBeLessThan(200);
  });

  it("is refused without a zone, since it would be another one on each machine", () => {
    expect(refusalOf("2026-01-31T12:00:00")).toMatchObject({
      message: "2026-01-31T12:00:00 names no zone",
      remedy: "Write 2026-01-31T12:00:00Z for UTC.",
    });
    expect(refusalOf("2026-01-31T12:00").remedy).toBe("Write 2026-01-31T12:00Z for UTC.");
  });
});

function refusalOf(text: string): MillraceError {
  try {
    parseTimeText(text);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
}
