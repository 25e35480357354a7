import { connect, type MqttClient } from "mqtt";

const INTERVAL_MS = 100;
/** Event time between two messages of a device, so that a run of minutes fills many windows. */
const STEP_MS = 5000;
const T0 = Date.UTC(2026, 0, 1);

export interface FleetDevice {
  readonly id: string;
  readonly token: string;
}

/** One device: numbers its messages, and remembers which were acknowledged. It speaks to one gateway, and to the next when that is away. */
class Device {
  readonly id: string;
  readonly acknowledged = new Set<number>();
  sent = 0;
  private readonly client: MqttClient;
  private timer: NodeJS.Timeout | null = null;

  constructor({ id, token }: FleetDevice, ports: readonly number[]) {
    this.id = id;
    this.client = connect({
      servers: ports.map((port) => ({ protocol: "mqtt" as const, host: "127.0.0.1", port })),
      username: id,
      password: token,
      clientId: id,
      reconnectPeriod: 200,
      connectTimeout: 5000,
    });
    // It connects again by itself.
    this.client.on("error", () => undefined);
  }

  start(): void {
    this.timer = setInterval(() => this.publish(), INTERVAL_MS);
  }

  /** Resolves when everything sent is acknowledged, or at the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    const deadline = performance.now() + deadlineMs;
    while (this.acknowledged.size < this.sent && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.client.endAsync(true);
  }

  private publish(): void {
    // What is under way is sent again after every loss: no more of it than a device with little memory would keep.
    if (this.sent - this.acknowledged.size >= 20) return;
    const n = this.sent++;
    const payload = JSON.stringify({
      ts: T0 + n * STEP_MS,
      values: { n, wave: Math.round(Math.sin(n / 7) * 1000) / 100 },
    });
    this.client.publish("v1/devices/me/telemetry", payload, { qos: 1 }, (error) => {
      if (!error) this.acknowledged.add(n);
    });
  }
}

/** The generator, outside of the system, with a ledger of its own. */
export class Fleet {
  readonly devices: readonly Device[];

  constructor(devices: readonly FleetDevice[], ports: readonly number[]) {
    this.devices = devices.map((device, index) => new Device(device, index % 2 === 0 ? ports : ports.toReversed()));
  }

  start(): void {
    for (const device of this.devices) device.start();
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all(this.devices.map((device) => device.stop(deadlineMs)));
  }

  get sent(): number {
    return this.devices.reduce((sum, { sent }) => sum + sent, 0);
  }

  get acknowledged(): number {
    return this.devices.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  }

  /** Event time of the newest message, UTC ms. */
  get lastTime(): number {
    return T0 + Math.max(...this.devices.map(({ sent }) => sent)) * STEP_MS;
  }
}
