import { describe, expect, it } from "vitest";
import { runBrokenFunctionKills } from "../function-kills/broken-function-kills.ts";
import { runFunctionKills } from "../function-kills/function-kills.ts";
import { wrongOf } from "../function-kills/function-kills-verdict.ts";

/** The short form of `npm run function-kills`. */
const SHORT = { seed: "short", devices: 16, say: () => undefined };

describe("kills of the functions' threads and of the instance, under rescaling and with a deploy in the middle", () => {
  it("leave every window as a brute-force recomputation gives it", async () => {
    const figures = await runFunctionKills({ ...SHORT, rounds: 8 });
    expect({ wrong: wrongOf(figures), figures }).toMatchObject({ wrong: [] });
  });

  it("find out a build that does not restore all of the state", async () => {
    const figures = await runBrokenFunctionKills("restore-forgets-a-slot", { ...SHORT, rounds: 5 });
    expect(wrongOf(figures)).toContain("tumbling.wrong");
  });
});
