import { describe, it } from "vitest";
import { proveReplay, whyNoReplay } from "../support/replay-proof.ts";
import { beijingRecording } from "../support/replay-recordings.ts";

/** Twelve minutes on two cores: `npm run proofs` sets this. */
const LONG = process.env["MILLRACE_LONG_PROOFS"] === "1";
const noReplay = whyNoReplay();
const skip = noReplay.skip || !LONG;
const why = LONG ? noReplay.why : " (skipped: a long proof, see npm run proofs)";
const TIMEOUT_MS = 1_500_000;

describe.skipIf(skip)(`four years of Beijing's stations, replayed over MQTT into a running instance${why}`, () => {
  it("end as aggregates, alarms and webhooks that an oracle finds in the file", { timeout: TIMEOUT_MS }, async () => {
    await proveReplay(beijingRecording());
  });
});
