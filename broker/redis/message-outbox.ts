import type { LinkedMessage } from "./link-messages.ts";

export interface MessageOutboxOptions {
  /** Resolves with the number of gateways that it was handed to; rejects when it may have reached nobody. */
  readonly send: (gateway: string, messages: readonly LinkedMessage[]) => Promise<number>;
  /** Payload bytes that wait for an answer of Redis: what comes on top is lost. */
  readonly bytesMax: number;
  readonly onSent: (messages: number) => void;
  readonly onLost: (messages: number) => void;
}

/** Messages on their way to other gateways. Those of one turn of the event loop leave in one piece for each gateway. */
export interface MessageOutbox {
  add(gateway: string, message: LinkedMessage): void;
}

/** What a message takes beside its payload. */
const OVERHEAD_BYTES = 256;

export function createMessageOutbox({ send, bytesMax, onSent, onLost }: MessageOutboxOptions): MessageOutbox {
  let waiting = new Map<string, LinkedMessage[]>();
  let bytes = 0;

  function flush(): void {
    const leaving = waiting;
    waiting = new Map();
    for (const [gateway, messages] of leaving) void sendBatch(gateway, messages);
  }

  async function sendBatch(gateway: string, messages: readonly LinkedMessage[]): Promise<void> {
    try {
      const receivers = await send(gateway, messages);
      if (receivers > 0) onSent(messages.length);
      else onLost(messages.length);
    } catch {
      // The connection was lost, which is told elsewhere: nobody knows whether they have arrived.
      onLost(messages.length);
    }
    bytes -= messages.reduce((sum, message) => sum + sizeOf(message), 0);
  }

  return {
    add(gateway, message) {
      const size = sizeOf(message);
      if (bytes + size > bytesMax) return onLost(1);
      bytes += size;
      if (waiting.size === 0) setImmediate(flush);
      const batch = waiting.get(gateway);
      if (batch === undefined) waiting.set(gateway, [message]);
      else batch.push(message);
    },
  };
}

function sizeOf({ message }: LinkedMessage): number {
  return message.payload.length + OVERHEAD_BYTES;
}
