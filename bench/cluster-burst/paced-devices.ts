import { openMqttLink, type MqttLink } from "../../device-sim/replay/mqtt-link.ts";
import type { FleetDevice } from "../../test/faults/fleet.ts";

const TURN_MS = 20;
const PACKET_IDS = 65_535;

/** Devices that publish as many messages a second as they are told, over one connection each. */
export class PacedDevices {
  acknowledged = 0;
  sent = 0;
  /** Messages a second, over all devices. */
  rate = 0;
  private readonly links: readonly MqttLink[];
  private readonly opened: Promise<unknown>;
  private timer: NodeJS.Timeout | undefined;
  private owed = 0;
  private turnedAt = performance.now();

  constructor(devices: readonly FleetDevice[], port: number) {
    const opened: Promise<void>[] = [];
    this.links = devices.map(({ id, token }) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      opened.push(promise);
      return openMqttLink({
        address: { host: "127.0.0.1", port, tls: false },
        clientId: id,
        token,
        events: {
          onOpen: resolve,
          onPubacks: (packetIds) => void (this.acknowledged += packetIds.length),
          onClose: ({ text }) => reject(new Error(`a device was let go: ${text}`)),
        },
      });
    });
    this.opened = Promise.all(opened);
  }

  async start(): Promise<void> {
    await this.opened;
    this.turnedAt = performance.now();
    this.timer = setInterval(() => this.turn(), TURN_MS);
  }

  end(): void {
    clearInterval(this.timer);
    for (const link of this.links) link.end();
  }

  publishOne(): void {
    const n = this.sent++;
    const payload = Buffer.from(JSON.stringify({ n, wave: Math.round(Math.sin(n / 7) * 1000) / 100 }));
    this.links[n % this.links.length]?.publish([{ packetId: (n % PACKET_IDS) + 1, payload }], false);
  }

  private turn(): void {
    const now = performance.now();
    this.owed += ((now - this.turnedAt) / 1000) * this.rate;
    this.turnedAt = now;
    for (; this.owed >= 1; this.owed -= 1) this.publishOne();
  }
}
