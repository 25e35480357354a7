import { afterEach, expect, it, vi } from "vitest";
import { redriveDeadLetters, showDeadLetter } from "../../../../app/commands/dead-letters.ts";
import type { ApiClient } from "../../../../app/commands/api-client.ts";
import type { QueuedDeadLetter } from "../../../../core/dead-letter-queue.ts";

const letter: QueuedDeadLetter = {
  v: 1,
  tenant: "default",
  device: "d1",
  function: "dew",
  version: 2,
  error: "no",
  errorClass: "TypeError",
  stack: "",
  received: 0,
  source: { topic: "readings", partition: 1, offset: 7 },
  payload: "",
  failures: 1,
  redrives: 0,
};

const answering = (answer: object): ApiClient => ({ get: async () => answer, send: never }) as unknown as ApiClient;
const never = (): never => {
  throw new Error("asked");
};
const printed = async (run: () => Promise<unknown>): Promise<string> => {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  await run();
  return log.mock.calls.flat().join("\n");
};
afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  ["can be", {}, /^failed +1 time, run again 0 times$/m],
  ["has failed as often as it may", { failures: 4, redrives: 3 }, /run again 3 times; that is as often as it may be$/m],
  ["was, and has not failed since", { redrives: 1 }, /run again 1 time; has not failed since$/m],
  ["is a canary's", { function: "dew@canary" }, /; the live version has run in the canary's place/],
  ["is a timer's", { timer: { name: "w", at: 0 } }, /; a timer has no record/],
])("says of a dead letter that %s whether it can be run again", async (_, of, text) => {
  const api = answering({ items: [{ ...letter, ...of }] });
  expect(await printed(() => showDeadLetter(api, "readings/1/7", { json: false }))).toMatch(text);
});

it("says what those are that a redrive passes by", async () => {
  const api = answering({ redrivable: 1, redriven: 0, exhausted: 0, withoutRecord: 2 });
  const run = () => redriveDeadLetters(api, { json: false, all: true, dryRun: true, rate: "50" });
  expect(await printed(run)).toMatch(/^1 would be run again\.\n.*2 have no record to be run again: .* canaries/);
});
