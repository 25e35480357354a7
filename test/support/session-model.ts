import { setImmediate as turn } from "node:timers/promises";
import { createDeviceAsks } from "../../broker/device-asks.ts";
import { filterCoveredBy } from "../../broker/filter-cover.ts";
import { NO_OTHER_GATEWAYS } from "../../broker/gateway-link.ts";
import type { SessionStore } from "../../broker/session/session-store.ts";
import { Sessions } from "../../broker/session/sessions.ts";
import { silentLogger } from "../../core/logger.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMetrics } from "../../core/metrics.ts";
import { MODEL_KEY, SimulatedSubscriber } from "./simulated-subscriber.ts";

export const MODEL_TOPICS = ["x", "y", "y/", "y/z"].map((name) => `millrace/${MODEL_KEY}/${name}`);
export const MODEL_FILTERS = ["#", "+", "x", "y/#", "y/+"].map((name) => `millrace/${MODEL_KEY}/${name}`);
/** Deliveries that may be without an answer: few, so that the queue is read in pieces. */
const IN_FLIGHT_MAX = 3;

type Qos = 0 | 1 | 2;

export type SessionStep =
  | { readonly kind: "publish"; readonly topic: string; readonly qos: Qos }
  | { readonly kind: "subscribe"; readonly filter: string; readonly qos: Qos }
  | { readonly kind: "unsubscribe"; readonly filter: string }
  /** The client reads so many bytes of what waits for it, and owes answers. */
  | { readonly kind: "read"; readonly bytes: number }
  /** It sends so many of the answers that it owes. Those that it does not send before its connection ends are lost. */
  | { readonly kind: "answer"; readonly count: number }
  | { readonly kind: "disconnect" }
  | { readonly kind: "connect" }
  /** The gateway begins again with what its store has, without having said of the session that its connection is over. */
  | { readonly kind: "restart" }
  /** Everything that is under way in the gateway comes to its end. */
  | { readonly kind: "rest" };

interface Expected {
  readonly topic: string;
  /** What the subscriptions of that moment grant; null: nothing is to come. */
  readonly qos: Qos | null;
  readonly isConnected: boolean;
}

/** One kept session, publishers, and what the session has to do: the model keeps subscriptions and what was published, and nothing else. */
export class SessionModel {
  readonly #openStore: () => SessionStore;
  readonly #subscriptions = new Map<string, Qos>();
  readonly #published: Expected[] = [];
  readonly #subscriber: SimulatedSubscriber;
  #store: SessionStore;
  #sessions: Sessions;
  #now = 1_700_000_000_000;

  /** `openStore`: not started, with what the last one had when it was stopped. `client`: of each model on the same store another one. */
  constructor(openStore: () => SessionStore, client: string) {
    this.#openStore = openStore;
    this.#subscriber = new SimulatedSubscriber(client, IN_FLIGHT_MAX);
    this.#store = openStore();
    this.#sessions = this.#sessionsOf(this.#store);
  }

  async run(steps: readonly SessionStep[]): Promise<void> {
    await this.#sessions.start();
    try {
      for (const step of steps) {
        await this.#take(step);
        if (this.#subscriber.defect !== null) throw new Error(this.#subscriber.defect);
      }
      await this.#finish();
    } finally {
      await this.#store.remove(this.#subscriber.client);
      await this.#sessions.stop(AbortSignal.timeout(5000));
    }
  }

  async #take(step: SessionStep): Promise<void> {
    const subscriber = this.#subscriber;
    switch (step.kind) {
      case "publish":
        return this.#publish(step.topic, step.qos);
      case "subscribe":
        if (subscriber.subscribe(step.filter, step.qos)) this.#subscriptions.set(step.filter, step.qos);
        return;
      case "unsubscribe":
        if (subscriber.unsubscribe(step.filter)) this.#subscriptions.delete(step.filter);
        return;
      case "read":
        return subscriber.read(step.bytes);
      case "answer":
        return subscriber.answer(step.count);
      case "disconnect":
        return subscriber.disconnect();
      case "connect":
        return subscriber.connect(this.#sessions);
      case "restart":
        return this.#restart();
      default:
        return this.#rest();
    }
  }

  #publish(topic: string, qos: Qos): void {
    const granted = [...this.#subscriptions].filter(([filter]) => filterCoveredBy(topic, filter)).map(([, one]) => one);
    const expected = granted.length === 0 ? null : lower(qos, Math.max(...granted));
    const payload = Buffer.from(String(this.#published.length));
    this.#published.push({ topic, qos: expected, isConnected: this.#subscriber.isConnected });
    void this.#sessions.router.route(MODEL_KEY, topic, { payload, qos, retain: false });
  }

  /** Whoever was away comes back, reads and answers until nothing more comes. */
  async #finish(): Promise<void> {
    const subscriber = this.#subscriber;
    await subscriber.connect(this.#sessions);
    do {
      await this.#rest();
      subscriber.read(Number.POSITIVE_INFINITY);
      subscriber.answer(Number.POSITIVE_INFINITY);
      await this.#rest();
    } while (subscriber.isBusy);
    this.#check();
    const left = await this.#store.queued(subscriber.client, 0, 10);
    if (left.length > 0) throw new Error(`${left.length} messages stay in the queue`);
    await subscriber.disconnect();
    if (subscriber.defect !== null) throw new Error(subscriber.defect);
  }

  #check(): void {
    const { received } = this.#subscriber;
    const kept = this.#published.flatMap(({ qos }, n) => (qos === null || qos === 0 ? [] : [n]));
    const firsts = [...new Set(received.filter(({ qos }) => qos > 0).map(({ n }) => n))];
    // In the order in which they were published, and none is missing.
    if (firsts.join() !== kept.join()) throw new Error(`first deliveries ${firsts.join()} instead of ${kept.join()}`);
    for (const { n, qos, topic } of received) {
      const expected = this.#published[n];
      const what = `message ${n} on ${topic} with QoS ${qos}`;
      if (expected?.qos !== qos || expected.topic !== topic) throw new Error(`${what} was not asked for`);
      if (qos === 0 && !expected.isConnected) throw new Error(`${what} is from the client's time away`);
      const count = received.filter((other) => other.n === n).length;
      if (qos !== 1 && count > 1) throw new Error(`${what} came ${count} times`);
    }
  }

  async #rest(): Promise<void> {
    // The store answers in order: what was asked before has been answered, and what followed from it has been asked.
    for (let i = 0; i < 4; i += 1) {
      await this.#store.find(this.#subscriber.client);
      await turn();
    }
  }

  async #restart(): Promise<void> {
    this.#subscriber.crash();
    await this.#rest();
    await this.#sessions.stop(AbortSignal.timeout(5000));
    this.#store = this.#openStore();
    this.#sessions = this.#sessionsOf(this.#store);
    await this.#sessions.start();
  }

  #sessionsOf(store: SessionStore): Sessions {
    return new Sessions({
      store,
      limits: { ...LIMITS, deliveriesInFlightMax: IN_FLIGHT_MAX },
      asks: createDeviceAsks(NO_OTHER_GATEWAYS),
      isAlone: true,
      now: () => this.#now++,
      logger: silentLogger,
      metrics: createMetrics(),
    });
  }
}

function lower(qos: Qos, granted: number): Qos {
  return qos <= granted ? qos : granted === 1 ? 1 : 0;
}
