import { describe, it } from "vitest";
import { proveReplay, whyNoReplay } from "../support/replay-proof.ts";
import { beijingRecording } from "../support/replay-recordings.ts";

const { skip, why } = whyNoReplay();
/** Four months of all twelve stations; the four years take longer than a quick look should: see test/e2e. */
const ROWS = 36_000;

describe.skipIf(skip)(`Beijing's stations, replayed over MQTT into a running instance${why}`, () => {
  it("end as aggregates, alarms and webhooks that an oracle finds in the file", async () => {
    await proveReplay(beijingRecording(ROWS));
  });
});
