import type { Duplex } from "node:stream";
import { Aedes, type AedesOptions, type Client, type PublishPacket } from "aedes";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { RoutedMessage } from "./gateway-link.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { refusalError, type RefusalReason } from "./refusals.ts";

/** What aedes' hooks ask of the connection that a client of aedes belongs to. */
export interface EngineConnection {
  /** Unique among all connections ever, so that aedes never sees a client id twice. */
  readonly engineId: string;
  /** Packets may follow. */
  engineReady(): void;
  maySubscribe(filter: string): boolean;
  mayReceive(topic: string): boolean;
  end(reason: RefusalReason, cause?: unknown): void;
}

/** aedes, which keeps subscriptions and delivers to them, behind hooks that decide nothing themselves. It sees no client's PUBLISH. */
export interface MqttEngine {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** From here on aedes reads packets from the stream, see `createEngineStream`. */
  attach(connection: EngineConnection, stream: Duplex): void;
  /** Delivers an acknowledged message to who has subscribed here. */
  route(topic: string, message: RoutedMessage): void;
}

/** `heard`: what the SUBACK of a filter waits for, if anything. */
export function createMqttEngine(
  limits: EdgeLimits,
  logger: Logger,
  heard: (filter: string) => Promise<void> | null,
): MqttEngine {
  const connections = new WeakMap<Client, EngineConnection>();
  const aedes = new Aedes(engineOptions(connections, limits, logger));
  holdSubacks(aedes, heard);
  aedes.on("clientReady", (client) => guard(() => connections.get(client)?.engineReady(), logger));
  aedes.on("clientError", (client, error) => connections.get(client)?.end("protocol", error));
  aedes.on("connectionError", (client, error) => connections.get(client)?.end("protocol", error));
  // An EventEmitter throws an "error" that nobody listens to.
  aedes.addListener("error", (error: unknown) => {
    logger.error({ error: errorText(error) }, "the MQTT engine reports an error");
  });

  return {
    start: () => aedes.listen(),
    stop: () => new Promise((resolve) => aedes.close(() => resolve())),
    attach(connection, stream) {
      connections.set(aedes.handle(stream), connection);
    },
    route(topic, { qos, payload }) {
      const packet: PublishPacket = {
        ...laneOf(qos),
        cmd: "publish",
        topic,
        qos: qos === 0 ? 0 : 1,
        dup: false,
        retain: false,
        payload: Buffer.from(payload),
      };
      aedes.publish(packet, (error) => {
        if (error) logger.warn({ error: errorText(error), topic }, "a message was not routed to subscribers");
      });
    },
  };
}

/**
 * The subscription counts at once, only its SUBACK waits: held back in `authorizeSubscribe` instead, it would be overtaken by what the
 * client sends right behind it.
 */
function holdSubacks(aedes: Aedes, heard: (filter: string) => Promise<void> | null): void {
  const subscribe = aedes.subscribe.bind(aedes);
  aedes.subscribe = (filter, deliver, done) => {
    const wait = heard(filter);
    // With an error where there is one, which aedes' types do not know.
    const finish = async (...results: readonly []): Promise<void> => {
      if (wait !== null) await wait;
      done(...results);
    };
    subscribe(filter, deliver, (...results: readonly []) => void finish(...results));
  };
}

function engineOptions(
  connections: WeakMap<Client, EngineConnection>,
  limits: EdgeLimits,
  logger: Logger,
): AedesOptions {
  return {
    // Unlimited: with a ceiling, deliveries that wait for one frozen subscriber would make all others wait behind them. What they
    // hold is bounded by subscriberQueueBytesMax per connection.
    concurrency: 0,
    drainTimeout: limits.subscriberDrainTimeoutMs,
    queueLimit: limits.engineQueuePacketsMax,
    // Ours are `tenant/device/client/number`.
    maxClientsIdLength: Number.MAX_SAFE_INTEGER,
    maxTopicLevels: limits.mqttTopicLevelsMax,
    preConnect(client, packet, done) {
      const connection = connections.get(client);
      if (connection === undefined) return done(refusalError("internal"), false);
      packet.clientId = connection.engineId;
      done(null, true);
    },
    authenticate: (_client, _userName, _password, done) => done(null, true),
    // No client's message comes this way, and a will neither: aedes knows of none.
    authorizePublish: (_client, _packet, done) => done(refusalError("publish-topic")),
    authorizeSubscribe(client, subscription, done) {
      let allowed = false;
      guard(() => (allowed = connections.get(client)?.maySubscribe(subscription.topic) === true), logger);
      if (allowed) return done(null, subscription);
      // An error, which closes the connection: with null, aedes stores the refused filter beside the granted ones of its packet.
      connections.get(client)?.end("subscribe-filter");
      done(refusalError("subscribe-filter"));
    },
    authorizeForward(client, packet) {
      let allowed = false;
      guard(() => (allowed = connections.get(client)?.mayReceive(packet.topic) === true), logger);
      return allowed ? packet : null;
    },
  };
}

/**
 * aedes counts the messages that it routes, and takes for a repetition what reaches a subscriber with a lower count than the one before. It
 * routes QoS 1 some turns later than QoS 0, so that a message of QoS 0 right behind one of QoS 1 would suppress that one. With a
 * name of its own for each QoS, it counts them apart.
 */
function laneOf(qos: number): { readonly brokerId: string } {
  return { brokerId: `qos-${qos}` };
}

/** A throw in a hook of aedes would end the process; it shall end one connection. */
function guard(hook: () => void, logger: Logger, connection?: EngineConnection): void {
  try {
    hook();
  } catch (error) {
    logger.error({ error: errorText(error) }, "a hook of the MQTT engine threw");
    connection?.end("internal", error);
  }
}
