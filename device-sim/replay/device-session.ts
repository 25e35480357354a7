import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Random } from "../random.ts";
import { type BrokerAddress, type LinkEnd, type MqttLink, openMqttLink } from "./mqtt-link.ts";
import { createSendWindow, type SendWindow } from "./send-window.ts";

export interface DeviceSessionOptions {
  readonly address: BrokerAddress;
  readonly deviceId: string;
  readonly token: string;
  readonly windowSize: number;
  readonly backoffMs: { readonly min: number; readonly max: number };
  readonly random: Random;
  readonly counts: ReplayCounters;
  /** Called whenever counts or connection changed. */
  readonly onChange: () => void;
  /** Called once, when the device cannot go on: NOT_AUTHENTICATED, MQTT_UNSUPPORTED, DELIVERY_FAILED. */
  readonly onFailure: (error: MillraceError) => void;
}

export interface ReplayCounters {
  sent: number;
  acknowledged: number;
  resent: number;
}

/**
 * One device's messages over as many connections as it takes. After a reconnect everything that is unacknowledged goes again, in its
 * order and with DUP, before anything new: so each message's first delivery comes after the first delivery of all before it.
 */
export interface DeviceSession {
  readonly connected: boolean;
  /** Takes the next message; resolves when there is room for another, or after `destroy`. */
  send(payload: Buffer): Promise<void>;
  /** Resolves once everything is acknowledged and the connection is closed, or after `destroy`. Called after the last `send`. */
  finish(): Promise<void>;
  /** Lets go of everything at once. */
  destroy(): void;
}

export function createDeviceSession(options: DeviceSessionOptions): DeviceSession {
  const { counts } = options;
  const window = createSendWindow(options.windowSize);
  const course = createReconnectCourse(options);
  const done = Promise.withResolvers<void>();
  let room: PromiseWithResolvers<void> | null = null;
  let link: MqttLink = connect();
  let retryTimer: NodeJS.Timeout | null = null;
  let flushTimer: NodeJS.Immediate | null = null;
  let open = false;
  let finishing = false;
  let over = false;

  function connect(): MqttLink {
    const { address, deviceId, token } = options;
    const events = { onOpen: linkOnOpen, onPubacks: linkOnPubacks, onClose: linkOnClose };
    return openMqttLink({ address, clientId: deviceId, token, events });
  }

  function linkOnOpen(): void {
    open = true;
    course.opened();
    const again = window.unacknowledged();
    counts.resent += again.length;
    link.publish(again, true);
    goOn();
  }

  function linkOnPubacks(packetIds: readonly number[]): void {
    const known = packetIds.filter((packetId) => window.acknowledge(packetId)).length;
    counts.acknowledged += known;
    if (known > 0) course.progressed();
    goOn();
  }

  function linkOnClose(reason: LinkEnd): void {
    open = false;
    if (over) return done.resolve();
    const decision = course.closed(reason, window.outstanding > 0);
    if (typeof decision === "number") {
      retryTimer = setTimeout(() => (link = connect()), decision);
    } else {
      over = true;
      options.onFailure(decision);
    }
    options.onChange();
  }

  /** Sends what fits, lets the caller bring more, and ends when all is done. */
  function goOn(): void {
    flushTimer = null;
    if (open) {
      const fresh = takeAll(window);
      counts.sent += fresh.length;
      link.publish(fresh, false);
    }
    if (room !== null && window.waiting < LIMITS.replayQueuedMessagesMax) {
      room.resolve();
      room = null;
    }
    if (finishing && window.waiting === 0 && window.outstanding === 0) letGo(open);
    options.onChange();
  }

  function letGo(politely: boolean): void {
    over = true;
    if (retryTimer !== null) clearTimeout(retryTimer);
    if (flushTimer !== null) clearImmediate(flushTimer);
    room?.resolve();
    if (politely) return link.end();
    link.destroy();
    done.resolve();
  }

  return {
    get connected() {
      return open;
    },
    async send(payload) {
      window.enqueue(payload);
      // One write for all that comes in this turn of the event loop, not one each.
      flushTimer ??= setImmediate(goOn);
      if (window.waiting < LIMITS.replayQueuedMessagesMax) return;
      room ??= Promise.withResolvers<void>();
      await room.promise;
    },
    async finish() {
      finishing = true;
      goOn();
      await done.promise;
    },
    destroy: () => letGo(false),
  };
}

function takeAll(window: SendWindow) {
  const taken = [];
  for (let message = window.takeNext(); message !== null; message = window.takeNext()) taken.push(message);
  return taken;
}

/** After a connection ended: the wait before the next one, or the error that ends the session. */
function createReconnectCourse(options: DeviceSessionOptions) {
  const { min, max } = options.backoffMs;
  let delayMs = min;
  let accepted = false;
  let fruitless = 0;
  return {
    opened() {
      accepted = true;
    },
    progressed() {
      delayMs = min;
      fruitless = 0;
    },
    closed(reason: LinkEnd, hadOutstanding: boolean): number | MillraceError {
      if (accepted && hadOutstanding) fruitless++;
      accepted = false;
      const refusal = refusalOf(options.deviceId, reason);
      if (refusal !== null) return refusal;
      if (fruitless > LIMITS.replayFruitlessConnectionsMax)
        return neverAcknowledged(options.deviceId, fruitless, reason);
      // Up to half of it is chance, so that a fleet does not come back in one instant.
      const waitMs = delayMs * options.random.between(0.5, 1);
      delayMs = Math.min(max, delayMs * 2);
      return waitMs;
    },
  };
}

/** CONNACK codes that another try does not change (MQTT 3.1.1 §3.2.2.3); 3, server unavailable, is worth one. */
function refusalOf(deviceId: string, { returnCode }: LinkEnd): MillraceError | null {
  if (returnCode === 4 || returnCode === 5 || returnCode === 2) {
    return new MillraceError(
      "NOT_AUTHENTICATED",
      `the broker does not accept device ${deviceId} (return code ${returnCode})`,
      {
        remedy:
          "Check that the device is registered and its token is current: millrace devices list, millrace devices rotate.",
      },
    );
  }
  if (returnCode === 1) return new MillraceError("MQTT_UNSUPPORTED", "the broker does not speak MQTT 3.1.1");
  return null;
}

function neverAcknowledged(deviceId: string, connections: number, reason: LinkEnd): MillraceError {
  return new MillraceError(
    "DELIVERY_FAILED",
    `device ${deviceId}: ${connections} connections in a row ended without an acknowledgement (${reason.text})`,
    { remedy: "See the broker's log for what it refuses: a full log, a message over its limits." },
  );
}
