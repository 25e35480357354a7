import { describe, expect, it } from "vitest";
import { CommitPace } from "../../../runtime/commit-pace.ts";
import { UnitCommits } from "../../../runtime/unit-commits.ts";

describe("a unit that is closed", () => {
  const ways = {
    one: (commits: UnitCommits) => commits.one(owner),
    all: (commits: UnitCommits) => commits.all(),
    due: (commits: UnitCommits) => commits.due(),
    breathe: (commits: UnitCommits) => commits.breathe(),
  };
  let happened: string[] = [];
  const owner = {
    partition: 0,
    commit: () => {
      happened.push("commit");
      return Promise.resolve();
    },
  };
  for (const [name, close] of Object.entries(ways)) {
    it(`by "${name}" leaves behind what its calls have left behind`, async () => {
      happened = [];
      const commits = new UnitCommits(new Map([[0, owner]]), new CommitPace({ now: () => 10_000 }));
      // As a promise that nobody waits for: told of when this turn of the event loop is over.
      setImmediate(() => happened.push("turn"));
      await close(commits);
      expect(happened).toEqual(["turn", "commit"]);
    });
  }
});
