import { describe, it } from "vitest";
import { campusIotRecording } from "../support/replay-recordings.ts";
import { proveReplay, whyNoReplay } from "../support/replay-proof.ts";

const { skip, why } = whyNoReplay();

describe.skipIf(skip)(`CampusIoT's frames, replayed over MQTT into a running instance${why}`, () => {
  it("end as aggregates, alarms and webhooks that an oracle finds in the file", async () => {
    await proveReplay(campusIotRecording());
  });
});
