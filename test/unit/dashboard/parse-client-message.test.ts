import { describe, expect, it } from "vitest";
import { isMillraceError } from "../../../core/errors.ts";
import { parseClientMessage } from "../../../dashboard/parse-client-message.ts";

const WATCH = { type: "watch", id: 1, overview: true, alarms: false, devices: ["a"], device: null };

function codeOf(text: string): string {
  try {
    parseClientMessage(text, 2);
    return "accepted";
  } catch (error) {
    return isMillraceError(error) ? error.code : "other";
  }
}

describe("parseClientMessage", () => {
  it("reads a watch message", () => {
    expect(parseClientMessage(JSON.stringify(WATCH), 2)).toEqual(WATCH);
  });

  it.each([
    ["text that is no JSON", "{"],
    ["an unknown type", JSON.stringify({ ...WATCH, type: "drop" })],
    ["a missing field", JSON.stringify({ type: "watch", id: 1 })],
    [
      "a device id with a slash, which would reach into another tenant",
      JSON.stringify({ ...WATCH, devices: ["../other/a"] }),
    ],
    ["a device id that is no text", JSON.stringify({ ...WATCH, device: 7 })],
    ["null", "null"],
  ])("refuses %s", (_, text) => {
    expect(codeOf(text)).toBe("INVALID_INPUT");
  });

  it("refuses to watch more devices than allowed", () => {
    expect(codeOf(JSON.stringify({ ...WATCH, devices: ["a", "b", "c"] }))).toBe("LIMIT_EXCEEDED");
  });
});
