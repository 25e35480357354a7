import type { MessagePort } from "node:worker_threads";

/** An end of the channel between a process and its child. */
export interface ProcessChannel {
  readonly connected: boolean;
  send?(message: unknown): boolean;
}

/** What goes over the channel for a port. */
export type CarriedMessage =
  | { readonly port: number; readonly message: unknown }
  | { readonly port: number; readonly closed: true };

/**
 * Carries message ports over the channel between two processes: what is posted to a port here is posted by the port of the same number there. What is
 * transferred between threads is copied between processes.
 */
export class PortBridge {
  private readonly channel: ProcessChannel;
  private readonly ports = new Map<number, MessagePort>();

  constructor(channel: ProcessChannel) {
    this.channel = channel;
  }

  carry(number: number, port: MessagePort): void {
    this.ports.set(number, port);
    port.on("message", (message: unknown) => this.send({ port: number, message }));
    port.on("close", () => {
      if (this.ports.delete(number)) this.send({ port: number, closed: true });
    });
  }

  /** Of what has come over the channel. What comes for a port that is closed here is lost, as it is between threads. */
  receive(carried: CarriedMessage): void {
    const port = this.ports.get(carried.port);
    if ("message" in carried) {
      port?.postMessage(carried.message);
      return;
    }
    this.ports.delete(carried.port);
    port?.close();
  }

  /** The other process has ended. */
  close(): void {
    const open = [...this.ports.values()];
    this.ports.clear();
    for (const port of open) port.close();
  }

  private send(carried: CarriedMessage): void {
    if (this.channel.connected) this.channel.send?.(carried);
  }
}
