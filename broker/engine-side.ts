import type { Duplex } from "node:stream";
import { filtersOf } from "../wire/mqtt-body-checks.ts";
import type { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import { MQTT_TYPE } from "../wire/mqtt-header.ts";
import type { ConnectionPresence } from "./connection-presence.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { createEngineStream } from "./engine-stream.ts";
import type { EngineConnection, MqttEngine } from "./mqtt-engine.ts";
import type { RefusalReason } from "./refusals.ts";

interface EngineSideOptions {
  readonly engine: MqttEngine;
  readonly socket: EdgeSocket;
  readonly queueBytesMax: number;
}

/** The part of a connection that has to do with subscriptions: from the first of them on aedes knows the connection too. */
export class EngineSide {
  /** aedes has been told of the connection, and may not be sent packets yet. */
  isJoining = false;
  readonly #connection: EngineConnection;
  readonly #options: EngineSideOptions;
  #stream: Duplex | null = null;

  constructor(connection: EngineConnection, options: EngineSideOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Bytes that aedes has written and the socket has not taken. */
  get queuedBytes(): number {
    return this.#stream?.writableLength ?? 0;
  }

  /**
   * Takes the packet, which is SUBSCRIBE, UNSUBSCRIBE or an acknowledgement; null when that is in order. A subscription counts at once for what
   * comes behind it, though aedes takes a moment longer.
   */
  pass(packet: MqttFrameWalker, presence: ConnectionPresence): RefusalReason | null {
    const { type, source, body, end } = packet;
    if (type === MQTT_TYPE.subscribe) {
      for (const filter of filtersOf(source, body, end, true)) {
        const refusal = presence.subscribe(filter);
        if (refusal !== null) return refusal;
      }
    } else if (type === MQTT_TYPE.unsubscribe) {
      presence.unsubscribe(filtersOf(source, body, end, false));
    } else if (this.#stream === null) {
      // Who has never subscribed has nothing to acknowledge.
      return "packet-unsolicited";
    }
    this.#stream ??= this.#join();
    this.#stream.push(Buffer.from(source.subarray(packet.start, end)));
    return null;
  }

  destroy(): void {
    this.#stream?.destroy();
  }

  #join(): Duplex {
    const { engine, socket, queueBytesMax } = this.#options;
    const stream = createEngineStream(socket, queueBytesMax, (error) => this.#connection.end("protocol", error));
    this.isJoining = true;
    engine.attach(this.#connection, stream);
    return stream;
  }
}
