import { pick } from "../faults/chance.ts";
import { DISCONNECT, field, packet, PINGREQ, rawConnect, rawPublish, rawSubscribe } from "../support/raw-mqtt.ts";
import { topicOf, type FuzzDevice } from "./fuzz-device.ts";
import type { Random } from "../../device-sim/random.ts";

const PACKETS_MAX = 12;
const PACKET_IDS = 20;
const PAYLOAD_BYTES_MAX = 3000;

/** The packets of an MQTT 3.1.1 session, each in order and allowed by the standard, whether or not Millrace serves all of it. */
export function mqttSession(device: FuzzDevice, random: Random): Buffer[] {
  const length = 1 + Math.floor(random.next() * PACKETS_MAX);
  const packets = [connectOf(device, random)];
  while (packets.length < length) packets.push(...pick(STEPS, random)(device, random));
  if (random.next() < 0.5) packets.push(DISCONNECT);
  return packets;
}

type Step = (device: FuzzDevice, random: Random) => Buffer[];

const STEPS: readonly Step[] = [
  (device, random) => [publishOf(device, random, 0)],
  (device, random) => [publishOf(device, random, 1)],
  (device, random) => [publishOf(device, random, 1)],
  (device, random) => {
    const id = packetId(random);
    return [publishOf(device, random, 2, id), acknowledgement(0x62, id)];
  },
  // Again before it is released, as a client does that has come back.
  (device, random) => {
    const id = packetId(random);
    return [publishOf(device, random, 2, id), publishOf(device, random, 2, id, 8), acknowledgement(0x62, id)];
  },
  (device, random) => [rawSubscribe(filtersOf(device, random), packetId(random), Math.floor(random.next() * 3))],
  (device, random) => [
    packet(0xa2, idBytes(packetId(random)), ...filtersOf(device, random).map((filter) => field(filter))),
  ],
  // Of what it may have been sent: the ids that a server gives out begin at 1.
  (_device, random) => [acknowledgement(0x40, 1 + Math.floor(random.next() * 3))],
  (_device, random) => {
    const id = 1 + Math.floor(random.next() * 3);
    return [acknowledgement(0x50, id), acknowledgement(0x70, id)];
  },
  () => [PINGREQ],
];

function connectOf(device: FuzzDevice, random: Random): Buffer {
  const hasWill = random.next() < 0.3;
  const willQos = Math.floor(random.next() * 3);
  const retain = random.next() < 0.3 ? 0x20 : 0;
  const will = hasWill ? 0x04 | (willQos << 3) | retain : 0;
  const clean = random.next() < 0.75 ? 0x02 : 0;
  return rawConnect({
    flags: 0xc0 | will | clean,
    keepAlive: pick([0, 1, 60, 65_535], random),
    // Few, so that clients take each other's place and come back to their sessions.
    clientId: `${device.id}-${Math.floor(random.next() * 4)}`,
    rest: [...(hasWill ? [topicOf(device), payloadOf(random)] : []), device.id, device.token],
  });
}

function publishOf(device: FuzzDevice, random: Random, qos: number, id = packetId(random), flags = 0): Buffer {
  const topic = pick([topicOf(device), topicOf(device), "v1/devices/me/telemetry", "v1/devices/me/attributes"], random);
  const retain = random.next() < 0.25 ? 1 : 0;
  const payload = retain === 1 && random.next() < 0.3 ? "" : payloadOf(random);
  return rawPublish(topic, payload, id, (qos << 1) | retain | flags);
}

function payloadOf(random: Random): string | Buffer {
  const value = Math.floor(random.next() * 1e6);
  const at = 1_790_000_000_000 + value;
  return pick<() => string | Buffer>(
    [
      () => JSON.stringify({ value }),
      () => JSON.stringify({ ts: at, values: { value, other: value / 7 } }),
      () => JSON.stringify([{ ts: at, values: { value } }, { value }]),
      () => JSON.stringify({ text: "x".repeat(Math.floor(random.next() * PAYLOAD_BYTES_MAX)) }),
      () => `${"[".repeat(value % 100)}1${"]".repeat(value % 100)}`,
      () => randomBytes(Math.floor(random.next() * 200), random),
    ],
    random,
  )();
}

function filtersOf(device: FuzzDevice, random: Random): string[] {
  const own = `millrace/default/${device.id}`;
  const all = [topicOf(device), `${own}/#`, `${own}/+`, "v1/devices/me/rpc/request/+", "v1/devices/me/attributes"];
  return Array.from({ length: 1 + Math.floor(random.next() * 4) }, () => pick(all, random));
}

export function randomBytes(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random.next() * 256)));
}

function packetId(random: Random): number {
  return 1 + Math.floor(random.next() * PACKET_IDS);
}

function acknowledgement(firstByte: number, id: number): Buffer {
  return packet(firstByte, idBytes(id));
}

function idBytes(id: number): number[] {
  return [id >> 8, id & 0xff];
}
