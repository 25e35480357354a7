import { Command, CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { toAnsweredError, toConnectionError } from "../../../app/commands/api-failure.ts";
import { exitCodeOf, formatFailure, usageError, withHelpHint } from "../../../app/commands/failure.ts";
import { MillraceError } from "../../../core/errors.ts";

const problem = (code: string, more: object = {}) => ({ code, detail: "It is so.", ...more });

function fetchError(code: string): Error {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}

describe("a failure as people read it", () => {
  it("is sentences with one full stop each, whatever ClickHouse appends", () => {
    const error = new MillraceError("SINK_REFUSED", "ClickHouse refuses: no column. ", { remedy: "look at it " });
    expect(formatFailure(error, false)).toBe("millrace: ClickHouse refuses: no column. Look at it.");
    expect(formatFailure(new MillraceError("NOT_FOUND", "is it there?"), false)).toBe("millrace: is it there?");
  });

  it("that commander found has its hint in words", () => {
    const error = new CommanderError(1, "x", "error: unknown command 'strat'\n(Did you mean start?)");
    expect(usageError(error).message).toBe("unknown command 'strat'. Did you mean start?");
  });

  it("names the command's own help when it has no better remedy, and ends with 2 for what was typed", () => {
    const command = new Command("millrace").command("devices").command("add");
    const hinted = withHelpHint(new MillraceError("INVALID_INPUT", "no"), command);
    expect(hinted).toMatchObject({ remedy: "See millrace devices add --help." });
    const better = new MillraceError("INVALID_INPUT", "no", { remedy: "Do this." });
    expect(withHelpHint(better, command)).toBe(better);
    const failed = new MillraceError("NOT_FOUND", "no");
    expect(withHelpHint(failed, command)).toBe(failed);
    expect([hinted, new MillraceError("CONFIG_INVALID", "x"), failed, new Error("x")].map(exitCodeOf)).toEqual([
      2, 2, 1, 1,
    ]);
  });
});

describe("what the API answers", () => {
  it.each([
    ["NOT_FOUND", "GET /api/v1/devices lists them.", "See millrace devices list.", "There is no device x."],
    ["NOT_FOUND", "GET /api/v1/rules lists them.", undefined],
    ["ALREADY_EXISTS", "PATCH /api/v1/devices/x changes it.", expect.stringMatching(/^See it with millrace devices/)],
    ["INVALID_INPUT", "See /docs for what is allowed.", undefined],
    ["SINK_UNAVAILABLE", "It is restarted by itself; see /readyz.", "See millrace doctor."],
    ["NOT_FOUND", undefined, "See millrace devices list.", "There is no device x."],
    ["INVALID_INPUT", "Apply the type first.", "Apply the type first."],
  ])("%s with the remedy %j speaks of commands", (code, remedy, expected, detail = "It is so.") => {
    const answered = problem(code, { detail, ...(remedy === undefined ? {} : { remedy }) });
    expect(toAnsweredError(answered, 400)).toMatchObject({
      code,
      message: detail,
      remedy: expected,
    });
  });
});

describe("an instance that does not answer", () => {
  it.each(["ECONNREFUSED", "ENOTFOUND"])("does not run when the connection fails with %s", (code) => {
    expect(toConnectionError(fetchError(code), "http://x")).toMatchObject({ code: "NOT_RUNNING" });
  });

  it.each(["ECONNRESET", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT"])("is busy when it fails with %s", (code) => {
    expect(toConnectionError(fetchError(code), "http://x")).toMatchObject({ code: "TIMED_OUT" });
  });

  it("is busy when it takes too long", () => {
    const late = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    expect(toConnectionError(late, "http://x")).toMatchObject({
      code: "TIMED_OUT",
      message: expect.stringMatching("busy"),
    });
  });
});
