import { pick } from "../faults/chance.ts";
import { randomBytes } from "./mqtt-session.ts";
import type { Random } from "../../device-sim/random.ts";

const MUTATIONS_MAX = 4;
const REPEATED_MAX = 60;
const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x20, 0x0a, 0x30, 0x82];
/** Remaining lengths: the longest there is, one byte too many, an endless one, small ones. */
const LENGTHS = [[0xff, 0xff, 0xff, 0x7f], [0x80, 0x80, 0x80, 0x80, 0x01], [0xff], [0x00], [0x01], [0x80, 0x80, 0x01]];

type Mutation = (packets: Buffer[], at: number, random: Random) => void;

const MUTATIONS: readonly Mutation[] = [flipBits, setByte, truncate, duplicate, splice, wrongLength, setLengthField];
const MORE: readonly Mutation[] = [swap, drop, insert, repeat, insertInside];

/** The session with some of its packets wrong. Those before `from` stay as they are. One in eight sessions stays whole. */
export function mutated(session: readonly Buffer[], from: number, random: Random): Buffer[] {
  const packets = session.map((bytes) => Buffer.from(bytes));
  const count = random.next() < 0.125 ? 0 : 1 + Math.floor(random.next() * MUTATIONS_MAX);
  for (let done = 0; done < count && packets.length > from; done += 1) {
    const at = from + Math.floor(random.next() * (packets.length - from));
    pick([...MUTATIONS, ...MORE], random)(packets, at, random);
  }
  return packets;
}

function flipBits(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  for (let flips = 1 + Math.floor(random.next() * 8); flips > 0 && bytes.length > 0; flips -= 1) {
    const place = placeIn(bytes, random);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << Math.floor(random.next() * 8));
  }
}

function setByte(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  if (bytes.length > 0) bytes[placeIn(bytes, random)] = pick(INTERESTING, random);
}

function truncate(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  packets[at] = bytes.subarray(0, placeIn(bytes, random));
}

function duplicate(packets: Buffer[], at: number): void {
  packets.splice(at, 0, Buffer.from(packets[at] ?? []));
}

/** The head of one and the tail of another. */
function splice(packets: Buffer[], at: number, random: Random): void {
  const head = packets[at] ?? Buffer.alloc(0);
  const tail = pick(packets, random);
  packets[at] = Buffer.concat([head.subarray(0, placeIn(head, random)), tail.subarray(placeIn(tail, random))]);
}

/** Of the fixed header. */
function wrongLength(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  let body = 1;
  while (((bytes[body] ?? 0) & 0x80) !== 0 && body < 4) body += 1;
  packets[at] = Buffer.concat([bytes.subarray(0, 1), Buffer.from(pick(LENGTHS, random)), bytes.subarray(body + 1)]);
}

/** Two bytes anywhere, which may be the length of a field. */
function setLengthField(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  if (bytes.length >= 2)
    bytes.writeUInt16BE(Math.floor(random.next() * 65_536), Math.floor(random.next() * (bytes.length - 1)));
}

function swap(packets: Buffer[], at: number, random: Random): void {
  const other = at + Math.floor(random.next() * (packets.length - at));
  const [first, second] = [packets[at], packets[other]];
  if (first === undefined || second === undefined) return;
  packets[at] = second;
  packets[other] = first;
}

function drop(packets: Buffer[], at: number): void {
  packets.splice(at, 1);
}

function insert(packets: Buffer[], at: number, random: Random): void {
  packets.splice(at, 0, randomBytes(1 + Math.floor(random.next() * 40), random));
}

function repeat(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  const copies = Array.from({ length: Math.floor(random.next() * REPEATED_MAX) }, () => Buffer.from(bytes));
  packets.splice(at, 0, ...copies);
}

function insertInside(packets: Buffer[], at: number, random: Random): void {
  const bytes = packets[at] ?? Buffer.alloc(0);
  const place = placeIn(bytes, random);
  const added = randomBytes(1 + Math.floor(random.next() * 8), random);
  packets[at] = Buffer.concat([bytes.subarray(0, place), added, bytes.subarray(place)]);
}

function placeIn(bytes: Buffer, random: Random): number {
  return Math.floor(random.next() * bytes.length);
}
