import { expect, it, onTestFinished } from "vitest";
import { deadLetterSource } from "../../app/dead-letter-source.ts";
import { LIMITS } from "../../core/limits.ts";
import { startApi } from "../unit/api/api-fixture.ts";
import { createMemoryEventLog } from "../support/memory-event-log.ts";
import type { DeadLetterQueue, QueuedDeadLetter } from "../../core/dead-letter-queue.ts";

const T0 = Date.UTC(2026, 0, 1);
const letter = (offset: number, topic = "telemetry"): QueuedDeadLetter => ({
  v: 1,
  tenant: "default",
  device: "d1",
  function: "clean",
  version: 2,
  error: "no",
  errorClass: "TypeError",
  stack: "",
  received: T0 + offset,
  source: { topic, partition: 1, offset },
  payload: "AA==",
  failures: 2,
  redrives: 1,
});

/** Answers with these dead letters, whatever it is asked, and keeps what that was. */
async function start(letters: readonly QueuedDeadLetter[]) {
  const asked: object[] = [];
  const queue: DeadLetterQueue = {
    list: async (query) => (asked.push(query), letters),
    redrivable: async (query) => (asked.push(query), letters.slice(0, query.limit)),
    counts: async (filter) => (asked.push(filter), { redrivable: 2, redriven: 0, exhausted: 1, withoutRecord: 0 }),
  };
  const log = createMemoryEventLog();
  for (let n = 0; n < 3; n += 1) {
    log.appendNow("telemetry", 1, [
      { timestamp: n, key: "default/d1", value: Buffer.of(n), headers: [["pid", `${n}`]] },
    ]);
  }
  log.trim("telemetry", 1, 1);
  const fixture = await startApi({
    deadLetters: deadLetterSource(queue, log, {
      stages: async () =>
        new Map([
          ["in-heavy", "heavy"],
          ["shared", "functions"],
        ]),
      runsJoin: async () => false,
    }),
    clock: { now: () => T0 },
  });
  onTestFinished(() => fixture.close());
  return { ...fixture, asked };
}

it("dead letters are listed and counted by function, error class, device and time", async () => {
  const { call, asked } = await start([letter(2)]);
  const filter = "function=clean&errorClass=TypeError&device=d1&from=5&to=9";
  const listed = await call("GET", `/api/v1/dead-letters/queue?${filter}&limit=7`);
  expect(listed.body).toEqual({ items: [letter(2)] });
  expect((await call("GET", `/api/v1/dead-letters/counts?${filter}`)).body).toMatchObject({
    redrivable: 2,
    exhausted: 1,
  });
  const same = { tenant: "default", function: "clean", errorClass: "TypeError", device: "d1", from: 5, to: 9 };
  expect(asked).toEqual([{ ...same, limit: 7 }, same]);
});

it("a redrive sends the records with their headers to the stage that reads their topic, as the next attempt", async () => {
  const { call, controls, asked } = await start([
    letter(2),
    letter(0),
    { ...letter(1, "readings"), function: "shared" },
  ]);
  const answer = await call("POST", "/api/v1/dead-letters/redrive", { body: { function: "clean", limit: 3 } });
  expect(answer.status).toBe(202);
  const { received, source } = letter(1, "readings");
  const name = "shared";
  expect(answer.body).toEqual({ redriven: 3, next: { received, function: name, source } });
  const after = { received, function: name, source };
  await call("POST", "/api/v1/dead-letters/redrive", { body: { limit: 1, after } });
  expect(asked[1]).toMatchObject({ after });
  const sent = controls.filter((control) => control.kind === "redrive");
  expect(sent.slice(0, 3)).toMatchObject([
    { stage: "main", attempt: 2, headers: [["pid", "2"]], payload: "AA==", received: T0 + 2, device: "d1" },
    // Retention has passed it.
    { stage: "main", headers: [] },
    { stage: "functions", headers: [] },
  ]);
});

it("a redrive goes to the stage in which the function runs now", async () => {
  const { call, controls } = await start([{ ...letter(1, "readings"), function: "in-heavy" }]);
  await call("POST", "/api/v1/dead-letters/redrive", { body: { limit: 1 } });
  expect(controls.filter((control) => control.kind === "redrive")).toMatchObject([{ stage: "fn-heavy" }]);
});

it("a dry run of a redrive runs none, and is refused where the redrive would be", async () => {
  const { call, controls } = await start([letter(2), { ...letter(1, "readings"), function: "gone" }]);
  const look = (limit: number) => call("POST", "/api/v1/dead-letters/redrive", { body: { limit, dryRun: true } });
  expect(await look(1)).toMatchObject({ status: 200, body: { redriven: 0, next: { received: T0 + 2 } } });
  expect(await look(2)).toMatchObject({ status: 400, body: { code: "INVALID_INPUT" } });
  expect(controls.filter((control) => control.kind === "redrive")).toEqual([]);
});

const wholeStep = (topic: string, stage?: string): QueuedDeadLetter => {
  return { ...letter(1, topic), function: "$step", ...(stage === undefined ? {} : { stage }) };
};

it("a redrive of a record that failed as a whole goes to the stage in which it did", async () => {
  const letters = [wholeStep("readings", "fn-heavy"), wholeStep("readings", "functions"), wholeStep("readings")];
  const { call, controls } = await start(letters);
  const listed = await call("GET", "/api/v1/dead-letters/queue");
  expect(JSON.stringify(listed.body)).toContain('"stage":"fn-heavy"');
  await call("POST", "/api/v1/dead-letters/redrive", { body: { limit: 3 } });
  const redriven = controls.filter((control) => control.kind === "redrive");
  expect(redriven).toMatchObject([{ stage: "fn-heavy" }, { stage: "functions" }, { stage: "functions" }]);
});

it.each([wholeStep("readings", "fn-gone"), wholeStep("repartition", "joins")])(
  "a redrive of a record that failed as a whole where nothing runs any more is refused ($stage)",
  async (gone) => {
    const { call, controls } = await start([gone]);
    const answer = await call("POST", "/api/v1/dead-letters/redrive", { body: { limit: 1 } });
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_INPUT" } });
    expect(JSON.stringify(answer.body)).toMatch(/No function runs in (fn-gone|joins).*Deploy one there first/);
    expect(controls.filter((control) => control.kind === "redrive")).toEqual([]);
  },
);

it("a redrive of what does not run any more is refused as a whole, and says what to do", async () => {
  const gone = { ...letter(1, "readings"), function: "gone" };
  const { call, controls } = await start([letter(2), gone, { ...letter(1, "repartition"), function: "gone-too" }]);
  const answer = await call("POST", "/api/v1/dead-letters/redrive", { body: { limit: 3 } });
  expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_INPUT" } });
  expect(JSON.stringify(answer.body)).toMatch(/gone does not run.*Deploy gone first/);
  expect(controls.filter((control) => control.kind === "redrive")).toEqual([]);
});

it("an edited record goes to the stage in the place of the original one, with who has edited it", async () => {
  const { call, controls, asked } = await start([letter(2), letter(1)]);
  const { device, function: name, received, source } = letter(1);
  const body = { device, function: name, received, source, payload: "BBBB" };
  const answer = await call("POST", "/api/v1/dead-letters/edit", { body });
  expect(answer).toMatchObject({ status: 202, body: { attempt: 2 } });
  expect(asked[0]).toMatchObject({ device, function: name, from: received, to: received + 1 });
  expect(controls.filter((control) => control.kind === "redrive")).toMatchObject([
    { stage: "main", attempt: 2, payload: "BBBB", source, editedBy: expect.any(String) },
  ]);
});

const readingOf = (device: string) => ({ v: 1, tenant: "default", device, ts: T0, received: T0, metrics: { x: 1 } });
const base64 = (text: string) => Buffer.from(text).toString("base64");

it.each([
  ["is not there", letter(5), "BBBB", "NOT_FOUND"],
  ["is what a join was sent", letter(3, "repartition"), base64("{}"), "INVALID_INPUT"],
  ["is no base64", letter(2), "%", "INVALID_INPUT"],
  ["of a reading is no JSON", letter(1, "readings"), base64("{"), "INVALID_INPUT"],
  ["of a reading is no reading", letter(1, "readings"), base64("{}"), "INVALID_INPUT"],
  ["of a reading is another device's", letter(1, "readings"), base64(JSON.stringify(readingOf("d2"))), "INVALID_INPUT"],
])("an edited record that %s is refused", async (_, { device, function: name, received, source }, payload, code) => {
  const { call, controls } = await start([letter(2), letter(1, "readings"), letter(3, "repartition")]);
  const body = { device, function: name, received, source, payload };
  expect((await call("POST", "/api/v1/dead-letters/edit", { body })).body).toMatchObject({ code });
  expect(controls.filter(({ kind }) => kind === "redrive")).toEqual([]);
});

it("an edit of what failed in a canary is refused, and says that nothing is missing", async () => {
  const { call } = await start([]);
  const { device, received, source } = letter(2);
  const body = { device, function: "dew@canary", received, source, payload: "BBBB" };
  const answer = await call("POST", "/api/v1/dead-letters/edit", { body });
  expect(JSON.stringify(answer.body)).toMatch(/NOT_FOUND.*The live version has run on the record.*Nothing is missing/);
});

it.each([
  ["more than one request may", { limit: LIMITS.redriveBatchMax + 1 }],
  ["no limit", { function: "clean" }],
  ["a filter that there is not", { limit: 1, functions: "clean" }],
])("a redrive of %s is refused", async (_, body) => {
  const { call, controls } = await start([letter(2)]);
  expect((await call("POST", "/api/v1/dead-letters/redrive", { body })).body).toMatchObject({ code: "INVALID_INPUT" });
  expect(controls.filter(({ kind }) => kind === "redrive")).toEqual([]);
});

it("says so where nothing stores dead letters", async () => {
  const fixture = await startApi();
  onTestFinished(() => fixture.close());
  expect((await fixture.call("GET", "/api/v1/dead-letters/queue")).body).toMatchObject({ code: "SINK_UNAVAILABLE" });
});
