import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { createTopicCommand } from "./create-topic-command.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import type { TopicProducer } from "../../core/topic-producer.ts";
import type { UpstreamLink } from "./upstream-link.ts";

export interface KafkaUpstreamLinkOptions {
  /** For people: `kafka://host:9092`, without a user or a password. */
  readonly place: string;
  readonly topic: string;
  /** Loads what it needs. Asked once, unless it rejects. */
  readonly open: () => Promise<TopicProducer>;
  readonly limits?: Pick<Limits, "forwardAnswerTimeoutMs">;
}

/** What a topic needs for envelopes of all sizes that are made here: Kafka's own default. */
const MESSAGE_BYTES = 1_048_588;

/** Upstream by a topic of a Kafka, from which `millrace relay` brings it to an installation. Each envelope is a record batch of it. */
export function createKafkaUpstreamLink(options: KafkaUpstreamLinkOptions): UpstreamLink {
  const { limits = LIMITS } = options;
  let opened: Promise<TopicProducer> | null = null;

  async function produce(envelope: Buffer): Promise<void> {
    opened ??= options.open();
    let producer: TopicProducer;
    try {
      producer = await opened;
    } catch (error) {
      opened = null;
      throw error;
    }
    await producer.produce(envelope);
  }

  async function close(): Promise<void> {
    const known = opened;
    opened = null;
    await known?.then(
      (producer) => producer.close(),
      () => undefined,
    );
  }

  return {
    async send(envelope, signal) {
      try {
        await inTime(produce(envelope), limits.forwardAnswerTimeoutMs, signal);
      } catch (error) {
        if (signal.aborted || isMillraceError(error, "TIMED_OUT")) void close();
        if (!isMillraceError(error)) throw error;
        throw new MillraceError("SINK_UNAVAILABLE", `${options.place} ${sentenceOf(error, envelope, options)}`, {
          cause: error,
        });
      }
    },
    close,
  };
}

/** Without a full stop. */
function sentenceOf(
  { code, message }: MillraceError,
  envelope: Buffer,
  { place, topic }: KafkaUpstreamLinkOptions,
): string {
  switch (code) {
    case "UNKNOWN_TOPIC":
      return `has no topic ${topic}, and it is not made by itself: make it (${createTopicCommand(place, topic)})`;
    case "NOT_AUTHORIZED":
      return `does not let this user write to ${topic}: give it WRITE and DESCRIBE on the topic (${message})`;
    case "BATCH_TOO_LARGE":
      return `does not take an envelope of ${envelope.length} bytes: set max.message.bytes of the topic ${topic} to ${MESSAGE_BYTES}, its default (${message})`;
    case "INVALID_INPUT":
      return `refuses what is written to ${topic}: check the clock of this machine, and message.timestamp.after.max.ms and cleanup.policy (delete) of the topic (${message})`;
    case "CONFIG_INVALID":
      return `cannot be used: ${message}; check MILLRACE_FORWARD_URL (kafkas:// with TLS), MILLRACE_FORWARD_SASL, MILLRACE_FORWARD_USER and the password`;
    default:
      return `has not acknowledged what was sent: ${message}`;
  }
}

/** Rejects when the signal aborts, or with TIMED_OUT after `waitMs`: every request has a shorter limit of its own. Heeds neither longer than the work takes. */
async function inTime(work: Promise<void>, waitMs: number, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const left = new Promise<never>((_, reject) => {
    const late = (): void => reject(new MillraceError("TIMED_OUT", `nothing came of it for ${waitMs / 1000} seconds`));
    const leave = (): void => reject(new MillraceError("SINK_UNAVAILABLE", "it was left, because the forwarder stops"));
    const timer = setTimeout(late, waitMs);
    done.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true, signal: done.signal });
  });
  try {
    await Promise.race([work, left]);
  } finally {
    done.abort();
  }
}
