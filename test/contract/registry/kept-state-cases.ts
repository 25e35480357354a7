import { expect, it } from "vitest";
import type { FunctionState } from "../../../core/function-store.ts";
import { ACTOR, rejection, type SuiteContext } from "./registry-stand.ts";

export function keptStateCases(context: SuiteContext): void {
  const deploy = (hash: string, name: string, state: FunctionState | null = null, stage?: string) =>
    context.registry.functions.deploy(
      { code: `code of ${hash}`, hash, functions: [{ name, kind: state === null ? "map" : "stream", state }], stage },
      ACTOR,
    );
  const live = async () => (await context.registry.functions.versions()).filter((one) => one.live);

  it("refuses what cannot read the state that a version before one without state has left", async () => {
    const [n, m] = [
      { version: 1, shape: "{n}" },
      { version: 2, shape: "{m}" },
    ];
    const { functions } = context.registry;
    await deploy("one", "sum", n);
    await deploy("none", "sum");
    await deploy("nothing", "sum");
    const other = { version: 1, shape: "{o}" };
    expect(await rejection(deploy("other", "sum", other), "INVALID_INPUT")).toContain(
      "than version 1, whose state devices still have, under the same stateVersion 1",
    );
    const bundle = {
      code: "other",
      hash: "other",
      functions: [{ name: "sum", kind: "stream", state: other }],
    } as const;
    const plan = { shares: [1000], stepMs: 1000 };
    await rejection(functions.deploy(bundle, ACTOR, plan), "INVALID_INPUT");
    await deploy("two", "sum", m);
    await functions.rollback("sum", 3, ACTOR);
    expect(await rejection(functions.rollback("sum", 1, ACTOR), "INVALID_INPUT")).toContain("version 4 keeps is of 2");
    await rejection(deploy("one", "sum", n), "INVALID_INPUT");
    expect(await live()).toMatchObject([{ version: 3 }]);
    expect(await functions.rollback("sum", 4, ACTOR)).toMatchObject({ version: 4 });
  });

  it("forgets what was kept with an undeploy, or a move into another stage", async () => {
    const shapes = ["{n}", "{m}", "{o}"].map((shape) => ({ version: 1, shape }));
    await deploy("one", "sum", shapes[0]);
    await deploy("none", "sum");
    await context.registry.functions.undeploy("sum", ACTOR);
    await deploy("none", "sum");
    await deploy("two", "sum", shapes[1]);
    await deploy("none", "sum", null, "heavy");
    expect(await deploy("three", "sum", shapes[2])).toMatchObject([{ live: true, stage: "heavy" }]);
  });
}
