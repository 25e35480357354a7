import { describe, expect, test } from "vitest";
import { isStart } from "../../../app/is-start.ts";

describe("a start", () => {
  test.each([
    [["start"]],
    [["start", "--demo"]],
    [["--json", "start"]],
    [["--data", "folder", "start"]],
    [["--data=folder", "--json", "start", "--help"]],
  ])("is %j", (args) => expect(isStart(args)).toBe(true));

  test.each([
    [[]],
    [["--help"]],
    [["devices", "add", "start"]],
    [["query", "start"]],
    // The folder is called so.
    [["--data", "start"]],
    [["--data", "start", "devices", "list"]],
    [["--data"]],
  ])("is not %j", (args) => expect(isStart(args)).toBe(false));
});
