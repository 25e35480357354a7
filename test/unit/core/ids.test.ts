import { describe, expect, it } from "vitest";
import { deviceKey, isId, parseDeviceKey } from "../../../core/ids.ts";
import { idSchema } from "../../../core/schemas.ts";

const GOOD = ["a", "0", "_", "-", ":", "...", "a.b", ".hidden", "a.", "A-Z_a:z.0", "x".repeat(128), "__proto__"];
/** A lone `.` or `..` would name another place in a URL or a folder. */
const BAD = ["", ".", "..", "a b", "a/b", "a\\b", "ä", "a\n", "\u0000", "x".repeat(129), "%2e", "+", "#", "$SYS"];

describe("an id", () => {
  it.each(GOOD)("may be %j", (text) => {
    expect(isId(text)).toBe(true);
    expect(idSchema.safeParse(text).success).toBe(true);
  });

  it.each(BAD)("may not be %j", (text) => {
    expect(isId(text)).toBe(false);
    expect(idSchema.safeParse(text).success).toBe(false);
  });

  it.each([null, undefined, 5, {}, ["a"]])("may not be %j, which is no text", (value) => {
    expect(isId(value)).toBe(false);
  });

  it("stays itself as a segment of a URL", () => {
    for (const id of GOOD) {
      expect(new URL(`http://host/devices/${encodeURIComponent(id)}`).pathname).toBe(
        `/devices/${encodeURIComponent(id)}`,
      );
    }
  });
});

describe("a device key", () => {
  it("is read back", () => {
    expect(parseDeviceKey(deviceKey("acme", "pump:1"))).toEqual({ tenant: "acme", device: "pump:1" });
  });

  it.each(["", "/", "a", "/a", "a/", "a/b/c", "a b/c", "a//b", "../x"])("is not %j", (text) => {
    expect(parseDeviceKey(text)).toBeNull();
  });
});
