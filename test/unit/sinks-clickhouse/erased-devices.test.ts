import { expect, test } from "vitest";
import { parseSourcePosition, type SourcePosition } from "../../../core/source-position.ts";
import { ErasedDevices } from "../../../sinks/clickhouse/erased-devices.ts";

function at(text: string): SourcePosition {
  const position = parseSourcePosition(text);
  if (position === null) throw new Error(text);
  return position;
}

test("what replays have corrected is erased by the removal in what they read, whatever their generation", () => {
  const erased = new ErasedDevices();
  const removal = (text: string) => erased.add([{ tenant: "t", device: "a", until: at(text) }]);
  removal("main telemetry 0 1 50 0 0");
  removal("functions readings 0 1 80 0 0");
  const covers = (text: string, key = "t/a") => erased.covers(key, at(text));
  expect(covers("replay-main telemetry 0 1769817600 50 0 3")).toBe(true);
  expect(covers("replay-main telemetry 0 1769817600 51 0 0")).toBe(false);
  expect(covers("replay readings 0 1769817600 80 0 0")).toBe(true);
  expect(covers("replay readings 0 1769817600 81 0 0")).toBe(false);
  expect(covers("replay-main telemetry 1 1769817600 50 0 0")).toBe(false);
  expect(covers("replay-main telemetry 0 1769817600 50 0 0", "t/b")).toBe(false);
});
