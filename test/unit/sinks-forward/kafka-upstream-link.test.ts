import { describe, expect, it } from "vitest";
import { isMillraceError, MillraceError, type ErrorCode } from "../../../core/errors.ts";
import { createKafkaUpstreamLink } from "../../../sinks/forward/kafka-upstream-link.ts";

const NEVER = new AbortController().signal;
const ENVELOPE = Buffer.from("envelope");

/** A link to a topic whose brokers do as they are told. */
function linkTo() {
  const kafka = {
    failure: null as MillraceError | null,
    openFailure: null as MillraceError | null,
    hangs: false,
    opened: 0,
    closed: 0,
    taken: [] as string[],
  };
  const link = createKafkaUpstreamLink({
    place: "kafka://a:9092,b:9092",
    topic: "edges",
    limits: { forwardAnswerTimeoutMs: 300 },
    open() {
      if (kafka.openFailure !== null) return Promise.reject(kafka.openFailure);
      kafka.opened += 1;
      return Promise.resolve({
        async produce(batch: Buffer) {
          if (kafka.hangs) await new Promise(() => undefined);
          if (kafka.failure !== null) throw kafka.failure;
          kafka.taken.push(batch.toString());
        },
        close: () => void (kafka.closed += 1),
      });
    },
  });
  const failureOf = async (signal = NEVER): Promise<string> => {
    const error: unknown = await link.send(ENVELOPE, signal).then(
      () => "it was sent",
      (raised: unknown) => raised,
    );
    return isMillraceError(error, "SINK_UNAVAILABLE") ? error.message : String(error);
  };
  return { link, kafka, failureOf };
}

describe("the link to a topic upstream", () => {
  it("opens once, sends in order, and lets go of its connections when it is closed", async () => {
    const { link, kafka } = linkTo();
    await link.close();
    expect(kafka).toMatchObject({ opened: 0, closed: 0 });
    await link.send(ENVELOPE, NEVER);
    await link.send(Buffer.from("next"), NEVER);
    expect(kafka).toMatchObject({ opened: 1, taken: ["envelope", "next"] });
    await link.close();
    expect(kafka.closed).toBe(1);
  });

  it.each([
    ["UNKNOWN_TOPIC", /has no topic edges.*kafka-topics\.sh --bootstrap-server a:9092,b:9092 --create --topic edges/],
    ["NOT_AUTHORIZED", /give it WRITE and DESCRIBE on the topic \(why\)/],
    ["BATCH_TOO_LARGE", /envelope of 8 bytes: set max\.message\.bytes of the topic edges to 1048588/],
    ["INVALID_INPUT", /check the clock of this machine/],
    ["CONFIG_INVALID", /cannot be used: why; check MILLRACE_FORWARD_URL .*MILLRACE_FORWARD_USER/],
    ["LOG_LOST", /has not acknowledged what was sent: why$/],
    ["LOG_IO", /has not acknowledged what was sent: why$/],
  ] satisfies [ErrorCode, RegExp][])(
    "says what %s means and what to do, and sends again over the same producer",
    async (code, text) => {
      const { link, kafka, failureOf } = linkTo();
      kafka.failure = new MillraceError(code, "why");
      const said = await failureOf();
      expect(said).toMatch(/^kafka:\/\/a:9092,b:9092 /);
      expect(said).toMatch(text);
      expect(said).not.toMatch(/\.$/);
      kafka.failure = null;
      await link.send(ENVELOPE, NEVER);
      expect(kafka).toMatchObject({ opened: 1, taken: ["envelope"] });
    },
  );

  it("opens again what could not be opened", async () => {
    const { link, kafka, failureOf } = linkTo();
    kafka.openFailure = new MillraceError("CONFIG_INVALID", "the file is empty");
    expect(await failureOf()).toMatch(/cannot be used: the file is empty/);
    kafka.openFailure = null;
    await link.send(ENVELOPE, NEVER);
    expect(kafka.taken).toEqual(["envelope"]);
  });

  it("lets go of what is under way when it is told to stop, and does not heed the signal longer than that", async () => {
    const { link, kafka, failureOf } = linkTo();
    const stopping = new AbortController();
    for (let n = 0; n < 20; n += 1) await link.send(ENVELOPE, stopping.signal);
    kafka.hangs = true;
    const failure = failureOf(stopping.signal);
    stopping.abort();
    expect(await failure).toMatch(/left, because the forwarder stops/);
    expect(kafka.closed).toBe(1);
    expect(await failureOf(stopping.signal)).toMatch(/left, because the forwarder stops/);
  });

  it("does not wait for ever, and opens another connection then", async () => {
    const { link, kafka, failureOf } = linkTo();
    kafka.hangs = true;
    expect(await failureOf()).toMatch(/has not acknowledged what was sent: nothing came of it for 0\.3 seconds/);
    expect(kafka.closed).toBe(1);
    kafka.hangs = false;
    await link.send(ENVELOPE, NEVER);
    expect(kafka).toMatchObject({ opened: 2, taken: ["envelope"] });
  });

  it("a programmer's error is not hidden", async () => {
    const link = createKafkaUpstreamLink({ place: "p", topic: "t", open: () => Promise.reject(new TypeError("bug")) });
    await expect(link.send(ENVELOPE, NEVER)).rejects.toThrow(TypeError);
  });
});
