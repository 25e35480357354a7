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
    expect((await context.registry.functions.rollback("dew-point", 3, ACTOR)).version).toBe(3);
    expect((await deployed()).map(({ version }) => version)).toEqual([1, 2, 3, 2, 1, 3, 3]);
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
    await deploy("one", "taken-back");
    await context.registry.functions.undeploy("taken-back", ACTOR);
    await deploy("one");
    await deploy("two");
    const full = many.slice(0, LIMITS.functionsMax - 1);
    await context.registry.functions.deploy({ code: "", hash: "h", functions: full }, ACTOR);
    await rejection(context.registry.functions.rollback("taken-back", 1, ACTOR), "LIMIT_EXCEEDED");
    expect(await live()).toHaveLength(LIMITS.functionsMax);
    expect(await context.registry.functions.rollback("dew-point", null, ACTOR)).toMatchObject({ version: 1 });
  });

  const canary = (hash: string, name = "dew-point") =>
    context.registry.functions.deploy(
      { code: `code of ${hash}`, hash, functions: [{ name, kind: "map", state: null }] },
      ACTOR,
      { shares: [1000, 10_000], stepMs: 30_000 },
    );
  /** What each deploy record tells: the live version, and the canary with its share. */
  const told = async () =>
    (await takeControls(context.registry)).flatMap(({ control }) => {
      if (control.kind !== "deploy") return [];
      const beside = control.canary && ` beside ${control.canary.hash} ${control.canary.share}`;
      return [`${control.function.hash}${beside ?? ""}`];
    });

  it("takes a canary on from share to share, and makes it live after the last", async () => {
    await deploy("one");
    expect(await canary("two")).toMatchObject([{ version: 2, live: false }]);
    expect(await live()).toMatchObject([{ version: 1 }]);
    const step = { name: "dew-point", version: 2, step: 0 };
    const { rollouts } = context.registry;
    expect(await rollouts.all()).toMatchObject([
      { ...step, live: 1, shares: [1000, 10_000], stepMs: 30_000, outcome: null, reason: "" },
    ]);
    expect(await rollouts.advance(step, ACTOR)).toBe(true);
    expect(await rollouts.advance(step, ACTOR)).toBe(false);
    expect(await rollouts.advance({ ...step, step: 1 }, ACTOR)).toBe(true);
    expect(await rollouts.all()).toMatchObject([{ step: 1, outcome: "promoted" }]);
    expect(await live()).toMatchObject([{ version: 2 }]);
    expect(await told()).toEqual(["one", "one beside two 1000", "one beside two 10000", "two"]);
    expect(await auditTrail(context.registry)).toEqual([
      "function.deployed function dew-point version 1",
      "canary.begun function dew-point version 2 beside 1, 10 %",
      "canary.advanced function dew-point version 2 to 100 %",
      "canary.promoted function dew-point version 2",
      "function.deployed function dew-point version 2 instead of 1",
    ]);
  });

  it("takes a canary back, whoever asks for it, and what was live runs on", async () => {
    await deploy("one");
    await canary("two");
    const { rollouts } = context.registry;
    const step = { name: "dew-point", version: 2, step: 0 };
    expect(await rollouts.rollBack({ ...step, version: 9 }, "not this", ACTOR)).toBe(false);
    expect(await rollouts.rollBack(step, "it throws", ACTOR)).toBe(true);
    expect(await rollouts.rollBack(step, "it throws", ACTOR)).toBe(false);
    expect(await rollouts.all()).toMatchObject([{ outcome: "rolled-back", reason: "it throws" }]);
    await canary("three");
    expect(await context.registry.functions.rollback("dew-point", null, ACTOR)).toMatchObject({
      version: 1,
      live: true,
    });
    expect(await rollouts.all()).toMatchObject([{ version: 3, outcome: "rolled-back", reason: "" }]);
    expect(await told()).toEqual(["one", "one beside two 1000", "one", "one beside three 1000", "one"]);
  });

  it("ends a canary with whatever else is made live, and promotes one at once", async () => {
    await deploy("one");
    await canary("two");
    await deploy("three");
    const { rollouts } = context.registry;
    expect(await rollouts.all()).toMatchObject([{ outcome: "replaced" }]);
    expect(await rejection(rollouts.promote("dew-point", ACTOR), "NOT_FOUND")).toMatch(/^no canary of/);
    const { functions } = context.registry;
    for (const asked of [
      () => rollouts.promote("nobody", ACTOR),
      () => functions.undeploy("nobody", ACTOR),
      () => functions.code("nobody", null),
      () => functions.code("nobody", 2),
    ]) {
      expect(await rejection(asked(), "NOT_FOUND")).toBe('there is no function "nobody"');
    }
    await canary("two");
    await rollouts.promote("dew-point", ACTOR);
    expect(await live()).toMatchObject([{ version: 2 }]);
    await canary("three");
    await context.registry.functions.undeploy("dew-point", ACTOR);
    expect(await rollouts.all()).toMatchObject([{ version: 3, outcome: "replaced" }]);
    expect(await told()).toEqual([
      "one",
      "one beside two 1000",
      "three",
      "three beside two 1000",
      "two",
      "two beside three 1000",
      "",
    ]);
  });

  it("begins no canary beside nothing, or beside itself", async () => {
    await rejection(canary("one"), "INVALID_INPUT");
    await deploy("one");
    await rejection(canary("one"), "INVALID_INPUT");
    const bundle = { code: "", hash: "two", functions: [{ name: "dew-point", kind: "map", state: null }] } as const;
    const plan = { shares: [1000], stepMs: 1000 };
    const { functions } = context.registry;
    await rejection(functions.deploy({ ...bundle, stage: "heavy" }, ACTOR, plan), "INVALID_INPUT");
    const join = { ...bundle, functions: [{ name: "dew-point", kind: "join", state: null }] } as const;
    expect(await rejection(functions.deploy(join, ACTOR, plan), "INVALID_INPUT")).toContain("joins devices");
    expect(await live()).toMatchObject([{ version: 1, stage: "functions" }]);
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
    await deploy("three", "sum", null, "wide");
    await context.registry.functions.undeploy("sum", ACTOR);
    expect(await context.registry.functions.rollback("sum", 1, ACTOR)).toMatchObject({ stage: "wide", version: 1 });
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
