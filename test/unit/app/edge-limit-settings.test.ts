import { describe, expect, it } from "vitest";
import { readConfig } from "../../../app/config.ts";
import { limitVariable, readEdgeLimits } from "../../../app/edge-limit-settings.ts";
import { EDGE_LIMITS, edgeLimitBounds, isEdgeLimitName } from "../../../core/edge-limits.ts";

const NAMES = Object.keys(EDGE_LIMITS).filter(isEdgeLimitName);

describe("the ceilings of the gateway in the environment", () => {
  it.each(NAMES)("%s can be set, and its default is allowed", (name) => {
    const value = EDGE_LIMITS[name];
    expect(readEdgeLimits({ [limitVariable(name)]: String(value) })).toEqual({ [name]: value });
    const [min, max] = edgeLimitBounds(name);
    for (const wrong of [min - 1, max + 1, 1.5, "many", "1e3", "-1", " 5"]) {
      expect(() => readEdgeLimits({ [limitVariable(name)]: String(wrong) })).toThrow(
        `is no value for ${limitVariable(name)}: it is a whole number from ${min} to ${max}`,
      );
    }
  });

  it("are a part of the configuration", () => {
    const environment = { MILLRACE_LIMIT_PACKET_BYTES_MAX: "300000", MILLRACE_LIMIT_CONNECTIONS_MAX: "" };
    expect(readConfig({}, {}, environment).edgeLimits).toEqual({ packetBytesMax: 300_000 });
    expect(readConfig({}, {}, {}).edgeLimits).toEqual({});
  });

  it("of a name that there is not are refused with the one that was meant", () => {
    const remedy = (variable: string): unknown => {
      try {
        return readEdgeLimits({ [variable]: "5" });
      } catch (error) {
        return error;
      }
    };
    expect(remedy("MILLRACE_LIMIT_PACKET_BYTE_MAX")).toMatchObject({
      code: "CONFIG_INVALID",
      remedy: "Did you mean MILLRACE_LIMIT_PACKET_BYTES_MAX?",
    });
    expect(remedy("MILLRACE_LIMIT_ZEBRAS")).toMatchObject({ remedy: "See docs/configuration.md for those there are." });
    expect(remedy("MILLRACE_LIMITLESS")).toEqual({});
  });

  it("have to fit in each other", () => {
    expect(() => readEdgeLimits({ MILLRACE_LIMIT_PAYLOAD_BYTES_MAX: "300000" })).toThrow(
      "payloadBytesMax 300000 is above packetBytesMax 262144",
    );
    const both = { MILLRACE_LIMIT_PAYLOAD_BYTES_MAX: "300000", MILLRACE_LIMIT_PACKET_BYTES_MAX: "400000" };
    expect(readEdgeLimits(both)).toEqual({ payloadBytesMax: 300_000, packetBytesMax: 400_000 });
  });
});
