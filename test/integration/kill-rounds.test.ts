import { describe, expect, it } from "vitest";
import { runBrokenKills } from "../kills/broken-kills.ts";
import { runKillRounds } from "../kills/kill-rounds.ts";
import { wrongOf } from "../kills/kill-verdict.ts";

/** The short form of `npm run kills`. */
const SHORT = { seed: "short", devices: 4, say: () => undefined };

describe("kill -9 while devices have 50 messages under way each", () => {
  it("loses nothing acknowledged, and the stage counts each message once", async () => {
    const figures = await runKillRounds({ ...SHORT, rounds: 3 });
    expect({ wrong: wrongOf(figures), figures }).toMatchObject({ wrong: [] });
  });

  it("finds out a build whose PUBACK leaves before the append has landed", async () => {
    const figures = await runBrokenKills("append-after-ack", { ...SHORT, rounds: 3 });
    expect(wrongOf(figures)).toContain("missing");
  });
});
