import { afterEach, expect, it, vi } from "vitest";
import { redriveDeadLetters, showDeadLetter } from "../../../../app/commands/dead-letters.ts";
import { MillraceError } from "../../../../core/errors.ts";
import { LIMITS } from "../../../../core/limits.ts";
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

const COUNTS = { redrivable: 101, redriven: 0, exhausted: 0, withoutRecord: 2 };
const NEXT = { received: 0, function: "dew", source: letter.source };
const refusal = new MillraceError("INVALID_INPUT", "gone does not run", { remedy: "Deploy gone first." });
/** Answers redrives with these, one after the other, and keeps what it was sent. */
function redriving(...answers: readonly object[]) {
  const sent: unknown[] = [];
  const send = async (_method: string, _path: string, body: unknown) => {
    const answer = answers[sent.push(body) - 1];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const api = { get: async () => COUNTS, send } as unknown as ApiClient;
  const run = (dryRun: boolean) => redriveDeadLetters(api, { json: false, all: true, dryRun, rate: "500" });
  return { run, sent };
}

it("says what those are that a redrive passes by", async () => {
  const { run, sent } = redriving({ redriven: 0, next: null });
  expect(await printed(() => run(true))).toMatch(
    /^101 would be run again\.\n.*2 have no record to be run again: .* canaries/,
  );
  expect(sent).toEqual([{ limit: LIMITS.redriveBatchMax, dryRun: true }]);
});

it("a dry run is refused as the redrive would be", async () => {
  await expect(redriving(refusal).run(true)).rejects.toBe(refusal);
});

it("a redrive that ends half way says how far it came", async () => {
  const first = { redriven: LIMITS.redriveBatchMax, next: NEXT };
  await expect(redriving(first, refusal).run(false)).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: `at least ${LIMITS.redriveBatchMax} records are run again, and then it ended: gone does not run`,
    remedy: "Deploy gone first.",
  });
});
