import { setTimeout as delay } from "node:timers/promises";
import { openRaw, PINGREQ, rawConnect, rawPublish, type RawPeer } from "../support/raw-mqtt.ts";
import { CANARY, topicOf } from "./fuzz-device.ts";

const EVERY_MS = 50;
const ANSWER_MS_MAX = 1000;
const PINGRESP_HEX = "d000";
/** A connection is replaced after so many rounds, because a peer keeps all that it has received. */
const ROUNDS_MAX = 500;

/** A well-behaved device beside the cases: its ping and its message must be answered within a second, always. */
export class Canary {
  rounds = 0;
  slowestMs = 0;
  readonly #port: number;
  readonly #onLate: (text: string) => void;
  #running = true;
  #done: Promise<void> = Promise.resolve();

  constructor(port: number, onLate: (text: string) => void) {
    this.#port = port;
    this.#onLate = onLate;
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const peer = await openRaw(this.#port);
      try {
        peer.send(rawConnect({ clientId: CANARY.id, rest: [CANARY.id, CANARY.token] }));
        await this.#answered(peer, "CONNECT", (hex) => hex.startsWith("20020000"));
        for (let round = 1; round <= ROUNDS_MAX && this.#running; round += 1) {
          await this.#round(peer, round);
          await delay(EVERY_MS);
        }
      } catch (error) {
        this.#onLate(String(error));
        await delay(EVERY_MS);
      }
      peer.socket.destroy();
    }
  }

  /** The answers may come in either order. */
  async #round(peer: RawPeer, round: number): Promise<void> {
    const puback = `4002${round.toString(16).padStart(4, "0")}`;
    const before = peer.received().length;
    peer.send(rawPublish(topicOf(CANARY), JSON.stringify({ round: this.rounds }), round), PINGREQ);
    await this.#answered(peer, "PINGREQ and PUBLISH", (hex) => {
      const answers = hex.slice(before);
      return answers === PINGRESP_HEX + puback || answers === puback + PINGRESP_HEX;
    });
    this.rounds += 1;
  }

  async #answered(peer: RawPeer, what: string, until: (hex: string) => boolean): Promise<void> {
    const begun = performance.now();
    const late = delay(ANSWER_MS_MAX, undefined, { ref: false }).then(() => {
      throw new Error(`the canary's ${what} is not answered within ${ANSWER_MS_MAX} ms`);
    });
    await Promise.race([peer.receive(until), late]);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - begun);
  }
}
