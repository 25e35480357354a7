import { expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import type { FunctionState } from "../../../core/function-store.ts";
import { ACTOR, auditTrail, rejection, type SuiteContext, takeControls, TENANT } from "./registry-stand.ts";

export function functionCases(context: SuiteContext): void {
  const deploy = (hash: string, name = "dew-point", state: FunctionState | null = null, stage?: string) =>
    context.registry.functions.deploy(
      { code: `code of ${hash}`, hash, functions: [{ name, kind: state === null ? "map" : "stream", state }], stage },
      ACTOR,
    );
  const live = async () => (await context.registry.functions.versions()).filter((one) => one.live);
  const deployed = async () =>
    (await takeControls(context.registry)).flatMap(({ key, control }) =>
      control.kind === "deploy" ? [{ key, removed: control.removed, ...control.function, stage: control.stage }] : [],
    );

  it("numbers the versions of a function, and tells every partition the code of the one that runs", async () => {
    await deploy("one");
    await deploy("two");
    expect(await live()).toMatchObject([{ name: "dew-point", version: 2, hash: "two", createdBy: ACTOR }]);
    const base = { key: null, removed: false, stage: "functions", name: "dew-point" };
    expect(await deployed()).toEqual([
      { ...base, version: 1, hash: "one", code: "code of one" },
      { ...base, version: 2, hash: "two", code: "code of two" },
    ]);
    expect(await auditTrail(context.registry)).toEqual([
      "function.deployed function dew-point version 1",
      "function.deployed function dew-point version 2 instead of 1",
    ]);
  });

  it("gives the same code the version that it had, and tells it again when it is live already: the log may be new", async () => {
    await deploy("one");
    await deploy("two");
    await takeControls(context.registry);
    await deploy("one");
    await deploy("one");
    expect((await deployed()).map(({ version }) => version)).toEqual([1, 1]);
    expect((await context.registry.functions.versions("dew-point")).map(({ version }) => version)).toEqual([2, 1]);
  });

  it("goes back to the version before, or to a named one, and forgets none", async () => {
    for (const hash of ["one", "two", "three"]) await deploy(hash);
    expect((await context.registry.functions.rollback("dew-point", null, ACTOR)).version).toBe(2);
    expect((await context.registry.functions.rollback("dew-point", null, ACTOR)).version).toBe(1);
    await rejection(context.registry.functions.rollback("dew-point", null, ACTOR), "NOT_FOUND");
    expect((await context.registry.functions.rollback("dew-point", 3, ACTOR)).version).toBe(3);
    await rejection(context.registry.functions.rollback("dew-point", 4, ACTOR), "NOT_FOUND");
    await rejection(context.registry.functions.rollback("other", null, ACTOR), "NOT_FOUND");
    expect((await deployed()).map(({ version }) => version)).toEqual([1, 2, 3, 2, 1, 3]);
  });

  it("tells of a join where it joins first, takes both back, and gives it no stage of its own", async () => {
    const functions = (kind: "join" | "map") => [{ name: "pairs", kind, state: null }];
    const put = (hash: string, kind: "join" | "map" = "join", stage?: string) =>
      context.registry.functions.deploy({ code: hash, hash, functions: functions(kind), stage }, ACTOR);
    const told = async () => (await deployed()).map(({ stage, removed, version }) => [stage, removed, version]);
    expect(await context.registry.functions.runsJoin()).toBe(false);
    expect(await put("one")).toMatchObject([{ kind: "join", stage: "functions" }]);
    expect(await context.registry.functions.runsJoin()).toBe(true);
    await put("two");
    await context.registry.functions.rollback("pairs", null, ACTOR);
    expect(await told()).toEqual([
      ["joins", false, 1],
      ["functions", false, 1],
      ["joins", false, 2],
      ["functions", false, 2],
      ["joins", false, 1],
      ["functions", false, 1],
    ]);
    await rejection(put("three", "join", "heavy"), "INVALID_INPUT");
    await context.registry.functions.undeploy("pairs", ACTOR);
    expect(await context.registry.functions.runsJoin()).toBe(false);
    await put("one");
    // It is none any more.
    await put("four", "map");
    expect((await told()).slice(0, 2)).toEqual([
      ["functions", true, 1],
      ["joins", true, 1],
    ]);
    await context.registry.functions.rollback("pairs", 1, ACTOR);
    expect(await context.registry.functions.runsJoin()).toBe(true);
  });

  it("takes a function back, and keeps its versions", async () => {
    await deploy("one");
    await context.registry.functions.undeploy("dew-point", ACTOR);
    expect(await live()).toEqual([]);
    expect((await deployed()).at(-1)).toMatchObject({ removed: true, code: "" });
    await rejection(context.registry.functions.undeploy("dew-point", ACTOR), "NOT_FOUND");
    expect(await deploy("one")).toMatchObject([{ version: 1, live: true }]);
  });

  it("refuses another shape of state under the same number, in both directions", async () => {
    await deploy("one", "sum", { version: 1, shape: "{n}" });
    expect(await rejection(deploy("two", "sum", { version: 1, shape: "{m}" }), "INVALID_INPUT")).toContain(
      "stateVersion 1",
    );
    await deploy("three", "sum", { version: 2, shape: "{m}" });
    await rejection(context.registry.functions.rollback("sum", 1, ACTOR), "INVALID_INPUT");
    expect((await deployed()).map(({ hash }) => hash)).toEqual(["one", "three"]);
    expect(await live()).toMatchObject([{ version: 2 }]);
  });

  it("makes all functions of a bundle live, or none", async () => {
    await deploy("one", "sum", { version: 1, shape: "{n}" });
    const both = [
      { name: "new", kind: "map", state: null },
      { name: "sum", kind: "stream", state: { version: 1, shape: "{m}" } },
    ] as const;
    await rejection(
      context.registry.functions.deploy({ code: "two", hash: "two", functions: both }, ACTOR),
      "INVALID_INPUT",
    );
    expect(await live()).toHaveLength(1);
  });

  it("refuses code that is too large, and more functions than are allowed", async () => {
    const code = "x".repeat(LIMITS.functionCodeBytesMax);
    const functions = [{ name: "f", kind: "map", state: null }] as const;
    await rejection(context.registry.functions.deploy({ code, hash: "h", functions }, ACTOR), "INVALID_INPUT");
    const many = Array.from({ length: LIMITS.functionsMax + 1 }, (_, index) => ({
      ...functions[0],
      name: `f${index}`,
    }));
    await rejection(
      context.registry.functions.deploy({ code: "", hash: "h", functions: many }, ACTOR),
      "LIMIT_EXCEEDED",
    );
    expect(await live()).toEqual([]);
  });

  it("tells the stage of its own that a function was given, and stays there until another one is named", async () => {
    expect(await deploy("one", "sum", null, "heavy")).toMatchObject([{ stage: "heavy" }]);
    await deploy("two", "sum");
    await context.registry.functions.rollback("sum", 1, ACTOR);
    await context.registry.functions.undeploy("sum", ACTOR);
    expect(await context.registry.functions.stages()).toEqual(new Map());
    expect(await context.registry.functions.rollback("sum", 2, ACTOR)).toMatchObject({ stage: "heavy", version: 2 });
    expect(await context.registry.functions.stages()).toEqual(new Map([["sum", "heavy"]]));
    const told = (await deployed()).map(({ version, stage, removed }) => `${version} ${stage} ${removed}`);
    const [first, second] = ["1 fn-heavy false", "2 fn-heavy false"];
    expect(told).toEqual([first, second, first, "1 fn-heavy true", second]);
    expect((await auditTrail(context.registry)).at(0)).toBe("function.deployed function sum version 1, in stage heavy");
  });

  it("takes a function that moves out of the stage that it leaves, whatever it has kept there", async () => {
    await deploy("one", "sum", { version: 1, shape: "{n}" });
    await takeControls(context.registry);
    await deploy("two", "sum", { version: 1, shape: "{m}" }, "heavy");
    const told = (await deployed()).map(({ version, stage, removed }) => `${version} ${stage} ${removed}`);
    expect(told).toEqual(["1 functions true", "2 fn-heavy false"]);
    await rejection(deploy("three", "sum", { version: 1, shape: "{o}" }, "heavy"), "INVALID_INPUT");
    expect(await deploy("two", "sum", { version: 1, shape: "{m}" }, "functions")).toMatchObject([{ version: 2 }]);
    expect((await auditTrail(context.registry)).slice(1)).toEqual([
      "function.deployed function sum version 2 instead of 1, in stage heavy instead of functions",
      "function.deployed function sum version 2 instead of 2, in stage functions instead of heavy",
    ]);
  });

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
    expect(await functions.isolations()).toEqual(new Map([["heavy", "process"]]));
    await functions.deploy({ ...bundle, isolation: "thread" }, ACTOR);
    expect(await functions.isolations()).toEqual(new Map([["heavy", "thread"]]));
    expect(await auditTrail(context.registry)).toContain("stage.isolated stage heavy process");
  });

  it("refuses more stages than are allowed", async () => {
    for (let n = 0; n < LIMITS.functionStagesMax; n += 1) await deploy("one", `f${n}`, null, `s${n}`);
    await deploy("one", "shared");
    expect(await rejection(deploy("one", "more", null, "s9"), "LIMIT_EXCEEDED")).toContain("s0, s1");
    await deploy("one", "f0", null, "s1");
    await deploy("one", "more", null, "s9");
  });

  it("tells the configuration as of a revision above all that was said before", async () => {
    const table = { tenant: TENANT, id: "sites", rows: { a: { site: "north" } } };
    await context.registry.config.apply({ types: [], rules: [], tables: [table], devices: [] }, ACTOR);
    await takeControls(context.registry);
    await context.registry.devices.put([{ tenant: TENANT, id: "a", labels: { site: "north" } }], ACTOR);
    const [{ sequence } = { sequence: Infinity }] = await takeControls(context.registry);
    const { revision, devices, types, rules, tables } = await context.registry.controlOutbox.configuration();
    expect(revision).toBeGreaterThan(sequence);
    expect(devices).toEqual([{ tenant: TENANT, id: "a", type: null, labels: { site: "north" }, disabled: false }]);
    expect([types, rules]).toEqual([[], []]);
    expect(tables).toEqual([table]);
    await context.registry.devices.put([{ tenant: TENANT, id: "b" }], ACTOR);
    const [next] = await takeControls(context.registry);
    expect(next?.sequence).toBeGreaterThan(revision);
  });
}
