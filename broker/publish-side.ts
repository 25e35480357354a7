import type { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import type { MessageView } from "./admission.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { FieldGateway } from "./field-gateway.ts";
import type { MessageOrigin } from "./message-origin.ts";
import type { MessageWindow } from "./message-window.ts";
import { isGatewayTopic } from "./topic-acl.ts";
import type { RefusalReason } from "./refusals.ts";

/** What the connection does for the part of it that publishes. */
export interface PublishSideOwner {
  isOpen(): boolean;
  /** Packets may follow. */
  resume(): void;
  end(reason: RefusalReason, cause?: unknown): void;
}

type PublishContext = Pick<EdgeContext, "admission" | "report" | "presence">;

/** The part of a connection that has to do with publishing: from a topic to the messages that wait for the log. */
export class PublishSide {
  /** A message waits for the registry to say for whom its gateway may publish. Nothing behind it may pass. */
  isAsking = false;
  readonly #messages: MessageWindow;
  readonly #context: PublishContext;
  readonly #owner: PublishSideOwner;
  /** Of the topic that was published to last: where it leads. */
  #topic = "";
  #origin: MessageOrigin | null = null;
  #isAside = false;

  constructor(messages: MessageWindow, context: PublishContext, owner: PublishSideOwner) {
    this.#messages = messages;
    this.#context = context;
    this.#owner = owner;
  }

  /** Takes the PUBLISH; null when that is in order. */
  pass(walker: MqttFrameWalker, timestamp: number, device: ConnectedDevice): RefusalReason | null {
    if (walker.qos === 2) return "publish-qos-2";
    if (!walker.isTopicRepeated) {
      this.#topic = walker.topic();
      this.#origin = device.originOf(this.#topic);
      this.#isAside = device.acl.isAside(this.#topic);
    }
    if (this.#origin !== null) {
      this.#messages.take(this.#origin, walker, timestamp, this.#isHeard(this.#origin.key));
    } else if (this.#isAside) {
      this.#context.report.dropped();
      this.#messages.skip(walker.packetId);
    } else if (device.gateway === null) {
      return isGatewayTopic(this.#topic) ? "publish-gateway" : "publish-topic";
    } else {
      return this.#takeParts(device.gateway, this.#topic, walker, timestamp);
    }
    return null;
  }

  #takeParts(gateway: FieldGateway, topic: string, message: MessageView, timestamp: number): RefusalReason | null {
    const found = gateway.partsOf(topic, message, timestamp);
    if (found === null) return "publish-topic";
    if ("parts" in found) {
      this.#messages.takeParts(found.parts, message, timestamp, (key) => this.#isHeard(key));
      return null;
    }
    this.isAsking = true;
    this.#ask(gateway, topic, copyOf(message), found.ask).catch((error: unknown) => this.#owner.end("internal", error));
    return null;
  }

  async #ask(gateway: FieldGateway, topic: string, message: MessageView, ids: readonly string[]): Promise<void> {
    const { admission } = this.#context;
    const refusal = await gateway.ask(ids, () => admission.now());
    if (!this.#owner.isOpen()) return;
    this.isAsking = false;
    const reason = refusal ?? this.#takeParts(gateway, topic, message, admission.now());
    if (reason === null) this.#owner.resume();
    else this.#owner.end(reason);
  }

  /** True when somebody, here or at another gateway, is to get the messages of this device (`tenant/device`). */
  #isHeard(key: string): boolean {
    const { asks, link } = this.#context.presence;
    return asks.isAsked(key) || link.isAsked(key);
  }
}

/** The socket's bytes are used again while the message waits. */
function copyOf({ qos, dup, packetId, source, payloadStart, end }: MessageView): MessageView {
  const payload = Buffer.from(source.subarray(payloadStart, end));
  return { qos, dup, packetId, source: payload, payloadStart: 0, end: payload.length };
}
