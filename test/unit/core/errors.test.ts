import { describe, expect, it } from "vitest";
import { ERROR_CODES, errorText, isMillraceError, MillraceError } from "../../../core/errors.ts";
import type { ErrorCode } from "../../../core/errors.ts";

describe("an operating error", () => {
  it("has the retry decision of its code, whatever its message", () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect(new MillraceError(code, "x").retry).toBe(ERROR_CODES[code]);
    }
  });

  it("keeps its cause and says what to do", () => {
    const cause = new Error("ENOSPC");
    const error = new MillraceError("LOG_FULL", "The log is full", { cause, remedy: "Free some space." });
    expect(error).toMatchObject({ name: "MillraceError", code: "LOG_FULL", cause, remedy: "Free some space." });
    expect("cause" in new MillraceError("LOG_FULL", "x")).toBe(false);
    expect(new MillraceError("LOG_FULL", "x").remedy).toBeUndefined();
  });

  it("is known by its code", () => {
    const error: unknown = new MillraceError("NOT_FOUND", "x");
    expect(isMillraceError(error)).toBe(true);
    expect(isMillraceError(error, "NOT_FOUND")).toBe(true);
    expect(isMillraceError(error, "LOG_IO")).toBe(false);
    expect(isMillraceError({ code: "NOT_FOUND", retry: "never" })).toBe(false);
  });
});

describe("the text of what was thrown", () => {
  it.each([
    [new Error("broken"), "broken"],
    ["just text", "just text"],
    [undefined, "undefined"],
    [null, "null"],
    [7, "7"],
  ])("%j is %j", (thrown, text) => {
    expect(errorText(thrown)).toBe(text);
  });
});
