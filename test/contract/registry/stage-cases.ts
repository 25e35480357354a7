import { expect, it } from "vitest";
import { NO_STAGE_LIMITS, type StageLimits } from "../../../core/stage-settings.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext } from "./registry-stand.ts";

export function stageCases(context: SuiteContext): void {
  it("remembers what a stage is kept apart by, until another isolation is named", async () => {
    const { functions } = context.registry;
    const bundle = {
      code: "",
      hash: "h",
      functions: [{ name: "sum", kind: "map", state: null }],
      stage: "heavy",
    } as const;
    await functions.deploy({ ...bundle, isolation: "process" }, ACTOR);
    await functions.deploy(bundle, ACTOR);
    expect(await functions.stageSettings()).toEqual(new Map([["heavy", { ...NO_STAGE_LIMITS, isolation: "process" }]]));
    await functions.deploy({ ...bundle, isolation: "thread" }, ACTOR);
    expect(await functions.stageSettings()).toEqual(new Map([["heavy", { ...NO_STAGE_LIMITS, isolation: "thread" }]]));
    expect(await auditTrail(context.registry)).toContain("stage.isolated stage heavy process");
  });

  it("remembers what a stage may take, each until it is named again, and forgets it for null", async () => {
    const { functions } = context.registry;
    const bundle = { code: "", hash: "h", functions: [{ name: "sum", kind: "map", state: null }] } as const;
    const limited = (limits: Partial<StageLimits>, stage = "heavy") =>
      functions.deploy({ ...bundle, stage, limits }, ACTOR);
    await limited({ callTimeoutMs: 2000 });
    await functions.deploy({ ...bundle, stage: "heavy", isolation: "process" }, ACTOR);
    await limited({ memoryMib: 256, stateMemoryMib: 64 });
    const all = { isolation: "process", callTimeoutMs: 2000, memoryMib: 256, stateMemoryMib: 64 };
    expect(await functions.stageSettings()).toEqual(new Map([["heavy", all]]));
    await limited({ callTimeoutMs: null });
    expect((await functions.stageSettings()).get("heavy")).toEqual({ ...all, callTimeoutMs: null });
    expect(await auditTrail(context.registry)).toContain("stage.limited stage heavy callTimeoutMs default");
    expect(await rejection(limited({ memoryMib: 64 }), "INVALID_INPUT")).toContain("does not fit into the 64 MiB");
    expect(await rejection(limited({ memoryMib: 512 }, "functions"), "INVALID_INPUT")).toContain("shared by all");
    const nowhere = functions.deploy({ ...bundle, limits: { callTimeoutMs: 1000 } }, ACTOR);
    expect(await rejection(nowhere, "INVALID_INPUT")).toContain("none is named");
    expect((await functions.stageSettings()).get("heavy")).toEqual({ ...all, callTimeoutMs: null });
  });
}
