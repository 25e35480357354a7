import type { IncomingMessage } from "node:http";
import { deviceKey, isId } from "../core/ids.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Principal } from "../core/registry.ts";
import type { Admission } from "./admission.ts";
import type { OriginOptions } from "./connected-device.ts";
import type { DeviceGate } from "./device-gate.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { RoutedMessage } from "./gateway-link.ts";
import { forgottenCounter } from "./forgotten.ts";
import { createIdempotencyKeys } from "./idempotency-keys.ts";
import { collectBody, createBodyBudget } from "./ingest-body.ts";
import type { Peer } from "./identify-principal.ts";
import { readIngestHead } from "./ingest-head.ts";
import { createAskOwner, type TokenOwner } from "./ingest-owner.ts";
import type { IngestRefusal } from "./ingest-refusals.ts";
import type { IngestRoute } from "./ingest-routes.ts";
import { MessageOrigin, type MessageTrace, type OriginDevice, originDevice } from "./message-origin.ts";
import type { PublishRates } from "./publish-rates.ts";
import type { PublishTracing } from "./publish-tracing.ts";
import { telemetryTopicOf } from "./topic-acl.ts";

/** What becomes of a request for telemetry. `lost`: the client went away before it had sent all of it. */
export type IngestOutcome = "admitted" | "repeated" | "lost" | IngestRefusal;

/** What is said to a client besides the outcome. */
export interface IngestClient {
  readonly requestId: string;
  /** It may send its body. */
  continues(): void;
  /** With the refusal that follows: when to come again. */
  retryAfter(seconds: number): void;
}

/** From a request to a durable message. */
export interface IngestRequests {
  /** Rejects when the log does not take the message. */
  take(request: IncomingMessage, route: IngestRoute, client: IngestClient): Promise<IngestOutcome>;
  /** The credentials of these devices (`tenant/device`) are no longer honoured. */
  forget(keys: readonly string[]): void;
}

export interface IngestRequestsOptions extends OriginOptions {
  readonly limits: EdgeLimits;
  readonly gate: DeviceGate;
  readonly admission: Admission;
  readonly rates: PublishRates;
  readonly metrics: Metrics;
  /** Null: no message is traced. */
  readonly tracing: PublishTracing | null;
  readonly peerOf: (request: IncomingMessage) => Peer;
  /** A message of this device (`tenant/device`) is durable: to those who subscribe to it. The answer waits for what this resolves with. */
  readonly onAdmitted: (key: string, message: RoutedMessage) => Promise<void> | null;
}

/** Whom a message is for, and whose token came with it. Both are the same unless a gateway publishes for another device. */
interface Owner {
  readonly place: OriginDevice;
  readonly gateway: OriginDevice;
}

/** What a request has sent. */
interface Sent {
  readonly route: IngestRoute;
  readonly payload: Buffer;
  readonly idempotencyKey: string | null;
  readonly trace: MessageTrace | null;
}

const keyOf = ({ tenant, id }: Principal): string => deviceKey(tenant, id);

/** The client id in the records of what came over HTTP. */
const CLIENT_ID = "http";
/** The sender knows that it is durable, as with QoS 1. */
const QOS = 1;

export function createIngestRequests(options: IngestRequestsOptions): IngestRequests {
  const { limits, gate, admission, rates, metrics, tracing, partitionCount, admissionPrefix, onAdmitted } = options;
  const askOwner = createAskOwner(gate, limits);
  const keys = createIdempotencyKeys(limits.idempotencyKeysMax, forgottenCounter(metrics, "idempotency-key"));
  const budget = createBodyBudget(limits.ingestBytesMax);

  /** Resolves when the message is durable and on its way to subscribers. */
  async function append({ place, gateway }: Owner, { route, payload, trace }: Sent, admissionId?: string) {
    const topic = telemetryTopicOf(place.key);
    const client = { clientId: CLIENT_ID, format: route.format, gateway, ...(trace === null ? {} : { trace }) };
    const origin = new MessageOrigin(place, topic, client, admissionPrefix, admissionId);
    const bytes = { source: payload, payloadStart: 0, end: payload.length };
    await admission.admit(origin, { qos: QOS, dup: false, retain: false, packetId: 0, ...bytes });
    await onAdmitted(place.key, { qos: QOS, payload });
  }

  async function admit(owner: Owner, sent: Sent): Promise<IngestOutcome> {
    const { payload, idempotencyKey } = sent;
    if (idempotencyKey === null) {
      await append(owner, sent);
      return "admitted";
    }
    const { place, gateway } = owner;
    const keyOwner = gateway.key === place.key ? [place.key] : [place.key, gateway.key];
    const outcome = await keys.once(keyOwner, idempotencyKey, payload, (id) => append(owner, sent, id));
    return outcome === "reused" ? "idempotency-key-reused" : outcome;
  }

  function isTooFast(key: string, client: IngestClient): boolean {
    const waitMs = rates.waitMs(key);
    if (waitMs > 0) client.retryAfter(Math.ceil(waitMs / 1000));
    return waitMs > 0;
  }

  /** The device that the message is for: that of the token, or the one that a gateway names. The answer is as new as the newest revocation. */
  async function ownerOf(principal: Principal, device: string | null): Promise<Owner | IngestRefusal> {
    const gateway = originDevice(principal, partitionCount);
    if (device === null || device === principal.id) return { place: gateway, gateway };
    if (principal.isGateway !== true || !isId(device)) return "device-foreign";
    const answer = await gate.publishable(gateway.key, [device]);
    if ("refusal" in answer) return "authenticate-failed";
    if (!answer.publishable.has(device)) return "device-foreign";
    return { place: originDevice({ tenant: principal.tenant, id: device }, partitionCount), gateway };
  }

  return {
    async take(request, route, client) {
      const trace = tracing?.received(client.requestId, headerOf(request, "traceparent")) ?? null;
      const peer = options.peerOf(request);
      const head = readIngestHead(request, route, limits, peer.certified !== null);
      if (typeof head === "string") return head;
      const asking = await askOwner(head.token, peer);
      if (typeof asking === "string") return asking;
      if (isTooFast(keyOf(asking.principal), client)) return "device-too-fast";
      client.continues();
      const body = await collectBody(request, limits.payloadBytesMax, budget);
      if (typeof body === "string") return body;
      try {
        let owner: TokenOwner | IngestRefusal = asking;
        for (;;) {
          // The token may have been revoked while the body came, or while the registry was asked for the device.
          if (owner.revocations !== gate.revocations) owner = await askOwner(head.token, peer);
          if (typeof owner === "string") return owner;
          const device = await ownerOf(owner.principal, route.device);
          if (typeof device === "string") return device;
          if (owner.revocations !== gate.revocations) continue;
          // Others of the device may have sent meanwhile.
          const paced = keyOf(owner.principal);
          if (isTooFast(paced, client)) return "device-too-fast";
          rates.spend(paced, body.length);
          return await admit(device, { route, payload: body, idempotencyKey: head.idempotencyKey, trace });
        }
      } finally {
        budget.release(body.length);
      }
    },
    forget: (devices) => keys.forget(devices),
  };
}

/** One that came several times is none. */
function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}
