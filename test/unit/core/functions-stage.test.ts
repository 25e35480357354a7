import { ENDED_AT } from "../../../core/event-log.ts";
import { describe, expect, it } from "vitest";
import {
  begunPartitions,
  begunStages,
  functionsStageName,
  hasBegun,
  isFunctionsJournal,
} from "../../../core/functions-stage.ts";
import { stageInput } from "../../../core/stage.ts";

const journal = (name: string, partition: number, offset: number | null) => ({
  name,
  partition,
  epoch: 1,
  positions: offset === null ? [] : [{ topic: "readings", partition, offset }],
  nextTimer: null,
});

describe("the stages of users' functions", () => {
  it("are told from Millrace's own by their names", () => {
    expect(["functions", "heavy", "main"].map(functionsStageName)).toEqual(["functions", "fn-heavy", "fn-main"]);
    const journals = ["stage:functions", "stage:fn-heavy", "stage:main", "sink:fn-heavy", "stage:other"];
    expect(journals.filter(isFunctionsJournal)).toEqual(["stage:functions", "stage:fn-heavy"]);
    expect(["main", "functions", "fn-heavy"].map(stageInput)).toEqual(["telemetry", "readings", "readings"]);
    expect([stageInput("joins"), functionsStageName("joins"), isFunctionsJournal("stage:joins")]).toEqual([
      "repartition",
      "fn-joins",
      true,
    ]);
  });

  it("are there from the first partition that has begun until the last one has ended", () => {
    const journals = [
      journal("stage:main", 0, 7),
      journal("stage:fn-b", 0, 7),
      journal("stage:fn-b", 1, ENDED_AT),
      journal("stage:fn-a", 0, 7),
      journal("stage:fn-a", 1, 0),
      journal("stage:fn-ended", 0, ENDED_AT),
      journal("stage:fn-claimed", 0, null),
      journal("stage:joins", 0, 7),
      journal("stage:functions", 0, 7),
    ];
    expect(begunStages({ journals }).map(({ name }) => name)).toEqual(["functions", "fn-a", "fn-b", "joins"]);
    expect([...begunPartitions({ journals }, "fn-b")]).toEqual([0]);
    expect(["fn-a", "fn-b", "fn-ended"].map((stage) => hasBegun({ journals }, stage, 2))).toEqual([true, false, false]);
  });
});
