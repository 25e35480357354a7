import { Writable } from "node:stream";
import type { Packet } from "mqtt-packet";

/** `writeToStream` of `mqtt-packet`. */
type WritePacket = (packet: Packet, stream: Writable) => unknown;

/** From here on `mqtt-packet` keeps none: lengths that take three bytes. */
const FIRST_NOT_KEPT = 128 * 128;
const BLOCK = 256;
/** Of the topic's length, and of a topic with one character. */
const HEAD_BYTES = 3;
/** Takes what is written and drops it. */
const nothing = (): void => undefined;
const NOWHERE = Object.assign(new Writable(), { write: () => true, cork: nothing, uncork: nothing });

/**
 * For each packet length that it has written, `mqtt-packet` keeps a buffer of four bytes for good, cut from the pool that buffers are cut from at the time: each new length
 * of an envelope kept 64 KB, 35 MB within seven minutes. Lengths that are written one after the other share a pool. So before the first one of
 * a block is, all of the block are written nowhere: the blocks together have 16,384 buffers of 100 bytes, and mostly one or two are needed.
 */
export class PacketLengths {
  private readonly write: WritePacket;
  private readonly known = new Set<number>();

  constructor(write: WritePacket) {
    this.write = write;
  }

  /** To be called before a packet of about so many bytes is written. */
  expect(bytes: number): void {
    // It has some bytes more than that, and may be in the next block.
    for (const block of [Math.floor(bytes / BLOCK), Math.floor(bytes / BLOCK) + 1]) {
      if (block * BLOCK >= FIRST_NOT_KEPT || this.known.has(block)) continue;
      this.known.add(block);
      this.writeAll(block * BLOCK);
    }
  }

  private writeAll(first: number): void {
    const payload = Buffer.alloc(first + BLOCK);
    for (let length = Math.max(first, HEAD_BYTES); length < first + BLOCK; length += 1) {
      this.write(
        {
          cmd: "publish",
          qos: 0,
          dup: false,
          retain: false,
          topic: "t",
          payload: payload.subarray(0, length - HEAD_BYTES),
        },
        NOWHERE,
      );
    }
  }
}
