import { expect, it } from "vitest";
import { SuspectTrials } from "../../../runtime/suspects.ts";

it("what is to be tried alone comes behind all other partitions", () => {
  const suspect = {
    partition: 1,
    offset: 7,
    step: 0,
    call: 1,
    condemned: false,
    error: "",
    errorClass: "WorkerDied",
  } as const;
  const trials = new SuspectTrials({ calls: [suspect], search: false }, null);
  const slices = [1, 0, 2].map((partition) => ({ topic: "readings", partition, records: [], nextOffset: 8 }) as const);
  expect(trials.inOrder(slices).map(({ partition }) => partition)).toEqual([0, 2, 1]);
});
