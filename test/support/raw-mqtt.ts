import { connect, type Socket } from "node:net";

/** Builders of MQTT packets that a well-meaning client library would refuse to send, and a bare socket to send them with. */

export function packet(firstByte: number, ...body: readonly (Uint8Array | readonly number[])[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => Uint8Array.from(part)));
  return Buffer.concat([Buffer.from([firstByte]), remainingLength(bytes.length), bytes]);
}

export function remainingLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A length-prefixed field. */
export function field(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

export interface RawConnect {
  readonly protocol?: string;
  readonly level?: number;
  readonly flags?: number;
  readonly keepAlive?: number;
  readonly clientId?: string | Uint8Array;
  /** What follows the client id, field by field. */
  readonly rest?: readonly (string | Uint8Array)[];
}

/** CONNECT with a user name and a password, unless told otherwise. */
export function rawConnect(options: RawConnect = {}): Buffer {
  const { protocol = "MQTT", level = 4, flags = 0xc2, keepAlive = 60, clientId = "raw" } = options;
  const rest = options.rest ?? ["user", "token-a"];
  return packet(
    0x10,
    field(protocol),
    [level, flags, keepAlive >> 8, keepAlive & 0xff],
    field(clientId),
    ...rest.map((content) => field(content)),
  );
}

export function rawPublish(topic: string | Uint8Array, payload: string | Uint8Array, packetId = 1, flags = 2): Buffer {
  const id = (flags & 6) === 0 ? [] : [packetId >> 8, packetId & 0xff];
  return packet(0x30 | flags, field(topic), id, Buffer.from(payload));
}

/** `qos`: of all filters, or of each. */
export function rawSubscribe(
  filters: readonly (string | Uint8Array)[],
  packetId = 1,
  qos: number | readonly number[] = 0,
): Buffer {
  const qosOf = (index: number): number => (typeof qos === "number" ? qos : (qos[index] ?? 0));
  return packet(
    0x82,
    [packetId >> 8, packetId & 0xff],
    ...filters.map((filter, index) => Buffer.concat([field(filter), Buffer.from([qosOf(index)])])),
  );
}

export function rawUnsubscribe(filters: readonly (string | Uint8Array)[], packetId = 1): Buffer {
  return packet(0xa2, [packetId >> 8, packetId & 0xff], ...filters.map(field));
}

const ANSWERS = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 };

export function rawAnswer(kind: keyof typeof ANSWERS, packetId: number): Buffer {
  return packet(ANSWERS[kind], [packetId >> 8, packetId & 0xff]);
}

export const PINGREQ = Buffer.from([0xc0, 0x00]);
export const DISCONNECT = Buffer.from([0xe0, 0x00]);
export const CONNACK_ACCEPTED = "20020000";
/** Accepted, and there is a session. */
export const CONNACK_PRESENT = "20020100";

/** Resolves when as much as this was received, or the peer has closed: with what was received. */
export async function heard(peer: RawPeer, expected: string): Promise<string> {
  return Promise.race([peer.receive((hex) => hex.length >= expected.length), peer.closed]);
}

export interface RawPeer {
  readonly socket: Socket;
  /** Everything received so far, in hex. */
  received(): string;
  send(...bytes: readonly Uint8Array[]): void;
  /** Resolves with all that was received as soon as it satisfies `until`; rejects when the connection closes first. */
  receive(until: (hex: string) => boolean): Promise<string>;
  /** Resolves with all that was received when the peer has closed. */
  closed: Promise<string>;
}

export async function openRaw(port: number): Promise<RawPeer> {
  const socket = connect({ port, host: "127.0.0.1" });
  let bytes = "";
  const watchers = new Set<() => void>();
  const closed = Promise.withResolvers<string>();
  let isClosed = false;
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  socket.on("data", (chunk) => {
    bytes += chunk.toString("hex");
    tell();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    isClosed = true;
    closed.resolve(bytes);
    tell();
  });
  await new Promise<void>((resolve) => {
    socket.once("connect", () => resolve());
    socket.once("close", () => resolve());
  });
  return {
    socket,
    received: () => bytes,
    send(...parts) {
      socket.write(Buffer.concat(parts));
    },
    receive(until) {
      return new Promise((resolve, reject) => {
        const watcher = (): void => {
          if (until(bytes)) resolve(bytes);
          else if (isClosed) reject(new Error(`closed after ${bytes === "" ? "nothing" : bytes}`));
          else return;
          watchers.delete(watcher);
        };
        watchers.add(watcher);
        watcher();
      });
    },
    closed: closed.promise,
  };
}
