import { describe, expect, it } from "vitest";
import { readConfig } from "../../../app/config.ts";

describe("the configuration", () => {
  const quiet = { logLevel: "warn" };

  it("takes a flag before the environment, that before the command's own default, and that before everybody's", () => {
    expect(readConfig({ logLevel: "debug" }, quiet, { MILLRACE_LOG_LEVEL: "error" }).logLevel).toBe("debug");
    expect(readConfig({}, quiet, { MILLRACE_LOG_LEVEL: "error" }).logLevel).toBe("error");
    expect(readConfig({}, quiet, { MILLRACE_LOG_LEVEL: "" }).logLevel).toBe("warn");
    expect(readConfig({}, {}, {}).logLevel).toBe("info");
  });

  it("names the setting, the value and what is allowed", () => {
    expect(() => readConfig({ logLevel: "loud" }, quiet, {})).toThrow(/"loud" is no value for log-level/);
  });
});
