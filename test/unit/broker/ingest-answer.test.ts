import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { answerFailed, answerRefused } from "../../../broker/ingest-answer.ts";
import { INGEST_REFUSALS, isIngestRefusal } from "../../../broker/ingest-refusals.ts";

const REASONS = Object.keys(INGEST_REFUSALS).filter((reason) => isIngestRefusal(reason));

let answer: (response: ServerResponse) => void = () => undefined;
const server = createServer((_request, response) => answer(response));
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => void server.close());

async function answered(by: typeof answer): Promise<{ response: Response; problem: Record<string, unknown> }> {
  answer = by;
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const response = await fetch(`http://127.0.0.1:${address.port}/`);
  return { response, problem: JSON.parse(await response.text()) };
}

/** A problem says what happened and why, and as `remedy` what to do, in whole sentences. */
describe("a request that the ingest port refuses", () => {
  it.each(REASONS)("for %s is a problem with a remedy", async (reason) => {
    const { response, problem } = await answered((to) => answerRefused(to, reason));
    const { code, status } = INGEST_REFUSALS[reason];
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(problem).toMatchObject({ code, status, detail: expect.stringMatching(/.\.$/) });
    expect(problem["remedy"]).toMatch(/^[A-Z].{15,}[^.]\.$/);
    expect(problem["remedy"]).not.toBe(problem["detail"]);
    // What is over after a while says when.
    expect(response.headers.has("retry-after")).toBe(status === 503 || status === 429);
  });

  it("because the log does not take it says so, and nothing that is the operator's", async () => {
    const error = new MillraceError("LOG_FULL", "at /secret/path", { remedy: "Free /secret/path." });
    const { response, problem } = await answered((to) => answerFailed(to, error, "r-1"));
    expect(response.status).toBe(503);
    expect(problem["detail"]).toBe("The message is not admitted: the log is full.");
    expect(problem["remedy"]).toMatch(/^Send it again after Retry-After; with an Idempotency-Key it counts once\./);
    expect(JSON.stringify(problem)).not.toContain("secret");
  });
});
