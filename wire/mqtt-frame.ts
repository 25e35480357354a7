import { filtersBreach, type MqttBodyLimits, packetIdBreach } from "./mqtt-body-checks.ts";
import type { MqttBreach } from "./mqtt-breach.ts";
import { type MqttConnect, parseMqttConnect } from "./mqtt-connect.ts";
import { isAcknowledgement, LONGEST_HEADER, MQTT_TYPE, packetLength, type MqttPacketLimits } from "./mqtt-header.ts";
import { topicNameBreach } from "./mqtt-text.ts";
import { SharedTopic } from "./shared-topic.ts";

export interface MqttFrameLimits extends MqttBodyLimits, MqttPacketLimits {}

const NO_BYTES = Buffer.alloc(0);

/**
 * Cuts the bytes of one client into packets and checks them against MQTT 3.1.1 and the limits before anything else sees them.
 * A packet's header is judged as soon as it is there: what will be refused is never collected. Packets that fit into the chunk are
 * views of it; one that spans chunks is collected in a buffer that grows with the bytes received, not with those announced.
 *
 * The packet that `next` has found stands in the fields, until the next call: no object is made for it.
 */
export class MqttFrameWalker {
  /** What ends the stream, for good. */
  breach: MqttBreach | null = null;
  type = 0;
  /** The packet is bytes [start, end) of this; what follows its fixed header begins at `body`. */
  source: Buffer = NO_BYTES;
  start = 0;
  body = 0;
  end = 0;
  /** What a CONNECT says; null otherwise. */
  connect: MqttConnect | null = null;
  /** Of a PUBLISH; its payload ends where the packet does. */
  qos: 0 | 1 | 2 = 0;
  dup = false;
  retain = false;
  /** Of whatever has one; 0 for a PUBLISH with QoS 0. */
  packetId = 0;
  payloadStart = 0;
  /** True when the topic is that of the PUBLISH before. */
  isTopicRepeated = false;
  #topic: Buffer = NO_BYTES;
  readonly #limits: MqttFrameLimits;
  readonly #topics: SharedTopic;
  /** What is being walked is bytes [#at, #chunkEnd) of this. */
  #chunk: Buffer = NO_BYTES;
  #at = 0;
  #chunkEnd = 0;
  #held: Buffer = NO_BYTES;
  #heldLength = 0;
  #connected = false;

  /** `topics`: those of walkers that may have the same one. */
  constructor(limits: MqttFrameLimits, topics = new SharedTopic()) {
    this.#limits = limits;
    this.#topics = topics;
  }

  /**
   * Takes the next bytes of the stream, the first `length` of the chunk. They must stay as they are until `next` has returned false, or
   * `keepRest` was called.
   */
  feed(chunk: Buffer, length = chunk.length): void {
    const rest = this.#chunkEnd - this.#at;
    this.#chunk = rest === 0 ? chunk : Buffer.concat([this.#rest(), chunk.subarray(0, length)]);
    this.#chunkEnd = rest + length;
    this.#at = 0;
  }

  /** Copies what has not been walked: the chunk's bytes may then be used again. */
  keepRest(): void {
    if (this.#at === this.#chunkEnd) return;
    this.#chunk = Buffer.from(this.#rest());
    this.#chunkEnd = this.#chunk.length;
    this.#at = 0;
  }

  /** True when there is a packet. False when more bytes are needed, or the stream has ended in a breach. */
  next(): boolean {
    if (this.breach !== null) return false;
    return this.#heldLength === 0 ? this.#nextOfChunk() : this.#nextOfHeld();
  }

  /** Of the PUBLISH. */
  topic(): string {
    return this.#topic.toString("utf8");
  }

  #rest(): Buffer {
    return this.#chunk.subarray(this.#at, this.#chunkEnd);
  }

  /** The whole packet lies in the chunk, or its beginning is put aside. */
  #nextOfChunk(): boolean {
    const chunk = this.#chunk;
    const start = this.#at;
    const chunkEnd = this.#chunkEnd;
    if (start === chunkEnd) {
      // An idle connection keeps none of what it has sent.
      this.#chunk = NO_BYTES;
      this.#chunkEnd = 0;
      this.#at = 0;
      return false;
    }
    const length = packetLength(chunk, start, chunkEnd, this.#connected, this.#limits);
    if (typeof length === "string") return this.#refuse(length);
    if (length === 0 || start + length > chunkEnd) {
      this.#hold(chunkEnd - start);
      return false;
    }
    this.#at = start + length;
    return this.#check(chunk, start, this.#at);
  }

  /** A packet has begun in an earlier chunk: first complete its header, then the rest. */
  #nextOfHeld(): boolean {
    let length = packetLength(this.#held, 0, this.#heldLength, this.#connected, this.#limits);
    while (length === 0 && this.#at < this.#chunkEnd) {
      this.#hold(1);
      length = packetLength(this.#held, 0, this.#heldLength, this.#connected, this.#limits);
    }
    if (typeof length === "string") return this.#refuse(length);
    if (length === 0) return false;
    this.#hold(Math.min(length - this.#heldLength, this.#chunkEnd - this.#at), length);
    if (this.#heldLength < length) return false;
    const whole = this.#held;
    this.#held = NO_BYTES;
    this.#heldLength = 0;
    return this.#check(whole, 0, length);
  }

  #hold(count: number, sizeMax = Number.POSITIVE_INFINITY): void {
    const needed = this.#heldLength + count;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(needed * 2, sizeMax), LONGEST_HEADER));
      this.#held.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    this.#chunk.copy(this.#held, this.#heldLength, this.#at, this.#at + count);
    this.#heldLength = needed;
    this.#at += count;
  }

  #refuse(breach: MqttBreach): false {
    this.breach = breach;
    return false;
  }

  #check(source: Buffer, start: number, end: number): boolean {
    const first = source[start] ?? 0;
    let body = start + 2;
    while (((source[body - 1] ?? 0) & 0x80) !== 0) body++;
    this.type = first >> 4;
    this.source = source;
    this.start = start;
    this.body = body;
    this.end = end;
    this.connect = null;
    this.#connected = true;
    const breach = this.type === MQTT_TYPE.publish ? this.#readPublish(first & 0x0f) : this.#readOther();
    return breach === null || this.#refuse(breach);
  }

  #readOther(): MqttBreach | null {
    const { source, body, end } = this;
    const limits = this.#limits;
    if (this.type === MQTT_TYPE.connect) return this.#readConnect();
    if (this.type === MQTT_TYPE.pingreq || this.type === MQTT_TYPE.disconnect) return null;
    this.packetId = ((source[body] ?? 0) << 8) | (source[body + 1] ?? 0);
    if (isAcknowledgement(this.type)) return packetIdBreach(source, body, end);
    return filtersBreach(source, body, end, this.type === MQTT_TYPE.subscribe, limits);
  }

  #readConnect(): MqttBreach | null {
    const { source, body, end } = this;
    const parsed = parseMqttConnect(source, body, end, this.#limits);
    if (typeof parsed === "string") return parsed;
    this.connect = parsed;
    return null;
  }

  /** 3.3. `flags`: of the fixed header. */
  #readPublish(flags: number): MqttBreach | null {
    const { source, body, end } = this;
    const bits = (flags >> 1) & 3;
    if (bits === 3) return "publish-qos";
    const qos = bits === 2 ? 2 : bits === 1 ? 1 : 0;
    if (qos === 0 && (flags & 0x08) !== 0) return "publish-dup";
    if (body + 2 > end) return "packet-length";
    const topicEnd = body + 2 + (((source[body] ?? 0) << 8) | (source[body + 1] ?? 0));
    const payloadStart = qos === 0 ? topicEnd : topicEnd + 2;
    if (payloadStart > end) return "packet-length";
    if (end - payloadStart > this.#limits.payloadBytesMax) return "payload-too-large";
    this.qos = qos;
    this.dup = (flags & 0x08) !== 0;
    this.retain = (flags & 0x01) !== 0;
    this.payloadStart = payloadStart;
    this.packetId = qos === 0 ? 0 : ((source[topicEnd] ?? 0) << 8) | (source[topicEnd + 1] ?? 0);
    if (qos > 0 && this.packetId === 0) return "packet-id-zero";
    return this.#readTopic(source, body + 2, topicEnd);
  }

  /** Devices publish to one topic: what was checked once is compared. */
  #readTopic(source: Buffer, start: number, end: number): MqttBreach | null {
    const known = this.#topic;
    const length = end - start;
    let same = length === known.length ? 0 : -1;
    while (same >= 0 && same < length) same = source[start + same] === known[same] ? same + 1 : -1;
    this.isTopicRepeated = same === length && length > 0;
    if (this.isTopicRepeated) return null;
    const breach = topicNameBreach(source, start, end, this.#limits);
    if (breach === null) this.#topic = this.#topics.copyOf(source.subarray(start, end));
    return breach;
  }
}
