import { describe, expect, it } from "vitest";
import { stageLimitsOf, stageSettingsText } from "../../../../app/commands/stage-limit-text.ts";
import { DEFAULT_STAGE_SETTINGS } from "../../../../core/stage-settings.ts";

describe("the limits that a deploy names of its stage", () => {
  it("are a duration and whole MiB, or the default", () => {
    const flags = { stage: "heavy", callTimeout: "2s", memory: "512", stateMemory: "default" };
    expect(stageLimitsOf(flags)).toEqual({ limits: { callTimeoutMs: 2000, memoryMib: 512, stateMemoryMib: null } });
    expect(stageLimitsOf({ stage: "heavy", callTimeout: "default" })).toEqual({ limits: { callTimeoutMs: null } });
    expect(stageLimitsOf({ stage: "heavy" })).toEqual({});
  });

  it("need a stage", () => {
    expect(() => stageLimitsOf({ memory: "512" })).toThrow("none is named");
  });

  it.each([
    [{ callTimeout: "61s" }, "--call-timeout 61s is not allowed"],
    [{ callTimeout: "9ms" }, "--call-timeout 9ms is not allowed"],
    [{ callTimeout: "2" }, "is no duration"],
    [{ memory: "4097" }, "--memory 4097 is not allowed"],
    [{ memory: "15" }, "--memory 15 is not allowed"],
    [{ memory: "1.5" }, "--memory 1.5 is not allowed"],
    [{ stateMemory: "0" }, "--state-memory 0 is not allowed"],
  ])("have ceilings: %o", (flags, text) => {
    expect(() => stageLimitsOf({ stage: "heavy", ...flags })).toThrow(text);
  });
});

describe("what is said of a stage", () => {
  it("is what differs from the settings of the instance", () => {
    expect(stageSettingsText(DEFAULT_STAGE_SETTINGS)).toBe("");
    const own = { isolation: "process", callTimeoutMs: 1500, memoryMib: 64, stateMemoryMib: 16 } as const;
    expect(stageSettingsText(own)).toBe(
      "a process of its own, 1.5 s of CPU a call, 64 MiB of heap a thread, 16 MiB of state a thread",
    );
  });
});
