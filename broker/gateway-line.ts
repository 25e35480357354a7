import type { MessageView } from "./admission.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { FieldGateway } from "./field-gateway.ts";
import type { MessageOrigin } from "./message-origin.ts";
import type { RefusalReason } from "./refusals.ts";

/** Where a topic of a connection leads. */
export interface TopicLead {
  readonly topic: string;
  /** Null when it is not the device's own. */
  readonly origin: MessageOrigin | null;
  /** Its messages are acknowledged, and lead nowhere. */
  readonly isAside: boolean;
}

/** A message in line: its bytes are its own. */
export interface LinedMessage {
  readonly lead: TopicLead;
  readonly message: MessageView;
}

export interface GatewayLineOptions {
  readonly gateway: Pick<FieldGateway, "partsOf" | "ask">;
  readonly limits: Pick<EdgeLimits, "fieldGatewayEntriesMax">;
  readonly now: () => number;
  /** The registry has answered, or cannot. */
  readonly onAnswer: (refusal: RefusalReason | null) => void;
}

/**
 * The messages of a gateway that wait until the registry has said for whom it may publish, and what came behind them. What comes in one turn of
 * the event loop, or while a question is under way, is asked for together: the first message of each of many devices costs few questions.
 */
export class GatewayLine {
  /** Payload bytes. */
  bytes = 0;
  readonly #options: GatewayLineOptions;
  /** In front of the head nothing is held. */
  readonly #messages: (LinedMessage | undefined)[] = [];
  #head = 0;
  #asking = false;

  constructor(options: GatewayLineOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#messages.length - this.#head;
  }

  get first(): LinedMessage | undefined {
    return this.#messages[this.#head];
  }

  push(lead: TopicLead, message: MessageView): void {
    const own = copyOf(message);
    this.#messages.push({ lead, message: own });
    this.bytes += own.end;
  }

  shift(): void {
    this.bytes -= this.first?.message.end ?? 0;
    this.#messages[this.#head] = undefined;
    this.#head += 1;
    // A line that is never empty must not grow: what has gone leaves whenever it is the larger part.
    if (this.#head * 2 <= this.#messages.length) return;
    this.#messages.splice(0, this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#messages.length = 0;
    this.#head = 0;
    this.bytes = 0;
  }

  /** Asks for what the messages in line name, at the end of the turn; one question at a time. */
  ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    setImmediate(() => {
      const { gateway, now, onAnswer } = this.#options;
      const answered = (refusal: RefusalReason | null) => {
        this.#asking = false;
        onAnswer(refusal);
      };
      const ids = this.#unknown(now());
      // Another message may have been answered for meanwhile.
      if (ids.length === 0) answered(null);
      else void gateway.ask(ids, now).then(answered);
    });
  }

  /** What the first messages in line name, and no more of them than one message may: that is what is remembered. */
  #unknown(now: number): readonly string[] {
    const { gateway, limits } = this.#options;
    const unknown = new Set<string>();
    for (let at = this.#head; at < this.#messages.length; at++) {
      const lined = this.#messages[at];
      if (lined === undefined || lined.lead.origin !== null || lined.lead.isAside) continue;
      const found = gateway.partsOf(lined.lead.topic, lined.message, now);
      const ids = found !== null && "ask" in found ? found.ask : [];
      if (unknown.size > 0 && unknown.size + ids.length > limits.fieldGatewayEntriesMax) break;
      for (const id of ids) unknown.add(id);
    }
    return [...unknown];
  }
}

/** The socket's bytes are used again while the message waits. */
export function copyOf({ qos, dup, retain, packetId, source, payloadStart, end }: MessageView): MessageView {
  const payload = Buffer.from(source.subarray(payloadStart, end));
  return { qos, dup, retain, packetId, source: payload, payloadStart: 0, end: payload.length };
}
