import type { SocketFlow } from "./socket-flow.ts";

/** Node keeps one list for each length of timers: this bounds how many there are. */
const STEP_MS = 50;

type Flow = Pick<SocketFlow, "isReading" | "isBlocked" | "sentBytes">;

/** The connection that ends when nothing is heard of its client. */
export interface KeptAlive {
  end(reason: "keep-alive"): void;
}

/**
 * Notices that nothing came of a client for too long [MQTT-3.1.2-24]. With each packet a time is noted; the timer goes on, and looks at it when it
 * is over: to begin it anew each time would touch the timers of several other connections.
 */
export class KeepAlive {
  /** In whole ms, for which V8 needs no object. */
  #heardAt = 0;
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When it was looked at last. */
  #sentBytes = 0;
  readonly #nowMs: () => number;
  readonly #flow: Flow;
  readonly #connection: KeptAlive;

  /**
   * `nowMs`: monotonic. What the client sends while `flow` is not read, because the log is behind, nobody hears: that silence is ours. Where it is
   * not read because the client does not read, it is the client's, unless it reads on, however slowly.
   */
  constructor(nowMs: () => number, flow: Flow, connection: KeptAlive) {
    this.#nowMs = nowMs;
    this.#flow = flow;
    this.#connection = connection;
  }

  /** From now on nothing may be heard for so long. */
  start(ms: number): void {
    this.#ms = ms;
    this.heard();
    this.#look(ms);
  }

  heard(): void {
    this.#heardAt = Math.ceil(this.#nowMs());
  }

  /** From now on the socket is read, or not. */
  reads(wanted: boolean): void {
    const { isReading, isBlocked } = this.#flow;
    if (wanted === isReading) return;
    // The silence of a socket that was not read is ours.
    if (wanted) this.heard();
    else if (isBlocked) this.#sentBytes = this.#flow.sentBytes;
  }

  /** The client has read all that it was sent. */
  drained(): void {
    if (!this.#flow.isReading) this.heard();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(afterMs: number): void {
    this.#timer = setTimeout(() => this.#timerOnLook(), afterMs);
  }

  #timerOnLook(): void {
    if (!this.#flow.isReading && this.#isExcused()) this.heard();
    const left = this.#ms - (this.#nowMs() - this.#heardAt);
    if (left <= 0) this.#connection.end("keep-alive");
    else this.#look(Math.ceil(left / STEP_MS) * STEP_MS);
  }

  #isExcused(): boolean {
    const { isBlocked, sentBytes } = this.#flow;
    const hasReadOn = sentBytes !== this.#sentBytes;
    this.#sentBytes = sentBytes;
    return !isBlocked || hasReadOn;
  }
}
