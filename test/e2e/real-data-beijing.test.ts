import { describe, it } from "vitest";
import { proveReplay, whyNoReplay } from "../support/replay-proof.ts";
import { beijingRecording } from "../support/replay-recordings.ts";

const { skip, why } = whyNoReplay();
const TIMEOUT_MS = 1_500_000;

describe.skipIf(skip)(`four years of Beijing's stations, replayed over MQTT into a running instance${why}`, () => {
  it("end as aggregates, alarms and webhooks that an oracle finds in the file", { timeout: TIMEOUT_MS }, async () => {
    await proveReplay(beijingRecording());
  });
});
