import { expect, test } from "vitest";
import { toAnsweredError } from "../../../../app/commands/api-failure.ts";

test.each([
  [
    "a device, with the command that lists them",
    'There is no device "d".',
    "GET /api/v1/devices lists them.",
    "See millrace devices list.",
  ],
  ["a device without a remedy", 'there is no device "d" in tenant "t"', undefined, "See millrace devices list."],
  ["what is no device, without one", "no replay runs", undefined, undefined],
  [
    "what is no device, with its own",
    "no replay runs",
    "See millrace replay --status.",
    "See millrace replay --status.",
  ],
  [
    "a route, without a remedy for devices",
    "There is no route GET /x",
    "Routes begin with /api/v1; /docs shows them all.",
    undefined,
  ],
])("what is missing is told of %s", (_, detail, remedy, told) => {
  const error = toAnsweredError({ code: "NOT_FOUND", detail, ...(remedy === undefined ? {} : { remedy }) }, 404);
  expect(error).toMatchObject({ code: "NOT_FOUND", message: detail });
  expect(error.remedy).toBe(told);
});
