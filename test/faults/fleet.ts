import { setTimeout as delay } from "node:timers/promises";
import { openMqttLink, type MqttLink } from "../../device-sim/replay/mqtt-link.ts";

const INTERVAL_MS = 100;
/** Event time between two messages of a device, so that a run of minutes fills many windows. */
const STEP_MS = 5000;
const T0 = Date.UTC(2026, 0, 1);
/** What is under way is sent again after every loss: above this a device goes on slowly, as one with little memory would. */
const UNDER_WAY = 20;
const SLOWLY = 10;
/** Below what a gateway takes of one connection, so that it always hears the keep-alive. */
const UNDER_WAY_MAX = 90;
const PACKET_IDS = 65_535;
const RECONNECT_MS = 200;

export interface FleetDevice {
  readonly id: string;
  readonly token: string;
}

/** One message in the ledger. Times by performance.now. */
export interface LedgerEntry {
  /** When it was first written to a connection that a gateway had accepted; null until then. */
  published: number | null;
  /** Null until the PUBACK. */
  acknowledged: number | null;
}

interface OutMessage {
  readonly packetId: number;
  readonly payload: Buffer;
  readonly entry: LedgerEntry;
}

/**
 * One device: numbers its messages, and remembers which were acknowledged. It speaks to one gateway, and to the next when that is away;
 * there everything that is unacknowledged goes again, in its order, before anything new.
 */
class Device {
  readonly id: string;
  readonly ledger: LedgerEntry[] = [];
  /** What is unacknowledged, by packet id, in the order of its first sending. */
  private readonly out = new Map<number, OutMessage>();
  private readonly token: string;
  private readonly ports: readonly number[];
  private link: MqttLink | null = null;
  private isOpen = false;
  private connections = 0;
  private turnTimer: NodeJS.Timeout | undefined;
  private connectTimer: NodeJS.Timeout | undefined;
  private turns = 0;

  constructor({ id, token }: FleetDevice, ports: readonly number[]) {
    this.id = id;
    this.token = token;
    this.ports = ports;
  }

  start(): void {
    this.connect();
    this.turnTimer = setInterval(() => this.turn(), INTERVAL_MS);
  }

  pause(): void {
    clearInterval(this.turnTimer);
  }

  end(): void {
    this.pause();
    this.connections = Infinity;
    clearTimeout(this.connectTimer);
    this.link?.destroy();
  }

  get underWay(): number {
    return this.out.size;
  }

  private connect(): void {
    const port = this.ports[this.connections++ % this.ports.length] ?? 0;
    this.link = openMqttLink({
      address: { host: "127.0.0.1", port, tls: false },
      clientId: this.id,
      token: this.token,
      events: {
        onOpen: () => {
          this.isOpen = true;
          const waiting = [...this.out.values()];
          const again = waiting.filter(({ entry }) => entry.published !== null);
          this.send(again, true);
          this.send(waiting.slice(again.length), false);
        },
        onPubacks: (packetIds) => this.acknowledge(packetIds),
        onClose: () => {
          this.isOpen = false;
          if (Number.isFinite(this.connections)) this.connectTimer = setTimeout(() => this.connect(), RECONNECT_MS);
        },
      },
    });
  }

  private turn(): void {
    this.turns += 1;
    if (this.underWay < UNDER_WAY || (this.underWay < UNDER_WAY_MAX && this.turns % SLOWLY === 0)) this.publish();
  }

  private publish(): void {
    const n = this.ledger.length;
    const packetId = (n % PACKET_IDS) + 1;
    const values = { n, wave: Math.round(Math.sin(n / 7) * 1000) / 100 };
    const payload = Buffer.from(JSON.stringify({ ts: T0 + n * STEP_MS, values }));
    const message: OutMessage = { packetId, payload, entry: { published: null, acknowledged: null } };
    this.ledger.push(message.entry);
    this.out.set(packetId, message);
    if (this.isOpen) this.send([message], false);
  }

  private send(messages: readonly OutMessage[], dup: boolean): void {
    const now = performance.now();
    for (const { entry } of messages) entry.published ??= now;
    this.link?.publish(messages, dup);
  }

  private acknowledge(packetIds: readonly number[]): void {
    for (const packetId of packetIds) {
      const entry = this.out.get(packetId)?.entry;
      if (entry !== undefined) entry.acknowledged = performance.now();
      this.out.delete(packetId);
    }
  }
}

/** A time in which no acknowledgement may come, by performance.now. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** PUBACKs that were written before the span began may still lie in sockets. */
const IN_FLIGHT_MS = 5000;

/** The generator, outside of the system, with a ledger of its own. */
export class Fleet {
  readonly devices: readonly Device[];

  constructor(devices: readonly FleetDevice[], ports: readonly number[]) {
    this.devices = devices.map((device, index) => new Device(device, index % 2 === 0 ? ports : ports.toReversed()));
  }

  start(): void {
    for (const device of this.devices) device.start();
  }

  /** Publishes no more. Resolves when everything sent is acknowledged, or at the deadline. */
  async settle(deadlineMs: number, signal: AbortSignal): Promise<void> {
    for (const device of this.devices) device.pause();
    const deadline = performance.now() + deadlineMs;
    while (this.acknowledged < this.sent && performance.now() < deadline) await delay(50, undefined, { signal });
  }

  end(): void {
    for (const device of this.devices) device.end();
  }

  get sent(): number {
    return this.devices.reduce((sum, { ledger }) => sum + ledger.length, 0);
  }

  get acknowledged(): number {
    return this.devices.reduce((sum, { ledger, underWay }) => sum + ledger.length - underWay, 0);
  }

  /** Event time of the newest message, UTC ms. */
  get lastTime(): number {
    return T0 + Math.max(...this.devices.map(({ ledger }) => ledger.length)) * STEP_MS;
  }

  get ledger(): LedgerEntry[] {
    return this.devices.flatMap(({ ledger }) => ledger);
  }
}

export function publishedIn(ledger: readonly LedgerEntry[], { from, to }: Span): number {
  return ledger.filter(({ published }) => published !== null && published > from && published < to).length;
}

/** Of messages that were first published in the span, at once; of others, when what lay in sockets has come. */
export function acknowledgedIn(ledger: readonly LedgerEntry[], { from, to }: Span): number {
  return ledger.filter(({ published, acknowledged }) => {
    if (published === null || acknowledged === null || acknowledged <= from || acknowledged >= to) return false;
    return published > from || acknowledged > from + IN_FLIGHT_MS;
  }).length;
}
