/** A message with the packet identifier that it keeps until it is acknowledged. */
export interface NumberedMessage {
  readonly packetId: number;
  readonly payload: Buffer;
}

/**
 * The order of one device's messages under QoS 1: what waits, what is out, what comes again. Pure: it sends nothing itself.
 * Packet identifiers stay with their message over reconnects, so that the receiver can tell a resend (MQTT 3.1.1 §4.4).
 */
export interface SendWindow {
  enqueue(payload: Buffer): void;
  /** The next message that has not been sent before; null when none waits or the window is full. */
  takeNext(): NumberedMessage | null;
  /** False when no such message is out: the broker acknowledged twice or made the number up. */
  acknowledge(packetId: number): boolean;
  /** Everything that is out, in the order of its first sending: what a new connection sends before anything new. */
  unacknowledged(): readonly NumberedMessage[];
  readonly waiting: number;
  readonly outstanding: number;
}

const PACKET_ID_MAX = 65_535;

/** `size` messages are out at most, 1–65,535. */
export function createSendWindow(size: number): SendWindow {
  // A Map iterates in the order of insertion, which is the order of first sending.
  const out = new Map<number, Buffer>();
  let queue: Buffer[] = [];
  let queueHead = 0;
  let lastPacketId = 0;

  function nextPacketId(): number {
    do {
      lastPacketId = lastPacketId === PACKET_ID_MAX ? 1 : lastPacketId + 1;
    } while (out.has(lastPacketId));
    return lastPacketId;
  }

  return {
    enqueue: (payload) => void queue.push(payload),
    takeNext() {
      const payload = queue[queueHead];
      if (payload === undefined || out.size >= size) return null;
      queueHead++;
      if (queueHead === queue.length || queueHead > 1000) {
        queue = queue.slice(queueHead);
        queueHead = 0;
      }
      const packetId = nextPacketId();
      out.set(packetId, payload);
      return { packetId, payload };
    },
    acknowledge: (packetId) => out.delete(packetId),
    unacknowledged: () => Array.from(out, ([packetId, payload]) => ({ packetId, payload })),
    get waiting() {
      return queue.length - queueHead;
    },
    get outstanding() {
      return out.size;
    },
  };
}
