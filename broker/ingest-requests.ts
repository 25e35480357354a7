import type { IncomingMessage } from "node:http";
import { deviceKey } from "../core/ids.ts";
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
import { createAskOwner } from "./ingest-owner.ts";
import type { IngestRefusal } from "./ingest-refusals.ts";
import type { IngestRoute } from "./ingest-routes.ts";
import { MessageOrigin, originDevice } from "./message-origin.ts";
import type { PublishRates } from "./publish-rates.ts";
import { createTopicAcl } from "./topic-acl.ts";

/** What becomes of a request for telemetry. `lost`: the client went away before it had sent all of it. */
export type IngestOutcome = "admitted" | "repeated" | "lost" | IngestRefusal;

/** What is said to a client besides the outcome. */
export interface IngestClient {
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
  readonly peerOf: (request: IncomingMessage) => Peer;
  /** A message of this device (`tenant/device`) is durable: to those who subscribe to it. The answer waits for what this resolves with. */
  readonly onAdmitted: (key: string, topic: string, message: RoutedMessage) => Promise<void> | null;
}

/** The client id in the records of what came over HTTP. */
const CLIENT_ID = "http";
/** The sender knows that it is durable, as with QoS 1. */
const QOS = 1;

export function createIngestRequests(options: IngestRequestsOptions): IngestRequests {
  const { limits, gate, admission, rates, metrics, partitionCount, admissionPrefix, onAdmitted } = options;
  const askOwner = createAskOwner(gate, limits);
  const keys = createIdempotencyKeys(limits.idempotencyKeysMax, forgottenCounter(metrics, "idempotency-key"));
  const budget = createBodyBudget(limits.ingestBytesMax);

  /** Resolves when the message is durable and on its way to subscribers. */
  async function append(device: Principal, route: IngestRoute, payload: Buffer, admissionId?: string): Promise<void> {
    const { telemetryTopic } = createTopicAcl(device.tenant, device.id);
    const place = originDevice(device, partitionCount);
    const client = { clientId: CLIENT_ID, format: route.format };
    const origin = new MessageOrigin(place, telemetryTopic, client, admissionPrefix, admissionId);
    const bytes = { source: payload, payloadStart: 0, end: payload.length };
    await admission.admit(origin, { qos: QOS, dup: false, retain: false, packetId: 0, ...bytes });
    await onAdmitted(place.key, telemetryTopic, { qos: QOS, payload });
  }

  async function admit(
    device: Principal,
    route: IngestRoute,
    payload: Buffer,
    idempotencyKey: string | null,
  ): Promise<IngestOutcome> {
    if (idempotencyKey === null) {
      await append(device, route, payload);
      return "admitted";
    }
    const key = deviceKey(device.tenant, device.id);
    const outcome = await keys.once(key, idempotencyKey, payload, (id) => append(device, route, payload, id));
    return outcome === "reused" ? "idempotency-key-reused" : outcome;
  }

  function isTooFast({ tenant, id }: Principal, client: IngestClient): boolean {
    const waitMs = rates.waitMs(deviceKey(tenant, id));
    if (waitMs > 0) client.retryAfter(Math.ceil(waitMs / 1000));
    return waitMs > 0;
  }

  return {
    async take(request, route, client) {
      const peer = options.peerOf(request);
      const head = readIngestHead(request, route, limits, peer.certified !== null);
      if (typeof head === "string") return head;
      let owner = await askOwner(head.token, peer);
      if (typeof owner === "string") return owner;
      if (isTooFast(owner.principal, client)) return "device-too-fast";
      client.continues();
      const body = await collectBody(request, limits.payloadBytesMax, budget);
      if (typeof body === "string") return body;
      try {
        // The token may have been revoked while the body came.
        if (owner.revocations !== gate.revocations) owner = await askOwner(head.token, peer);
        if (typeof owner === "string") return owner;
        // Others of the device may have sent meanwhile.
        if (isTooFast(owner.principal, client)) return "device-too-fast";
        rates.spend(deviceKey(owner.principal.tenant, owner.principal.id), body.length);
        return await admit(owner.principal, route, body, head.idempotencyKey);
      } finally {
        budget.release(body.length);
      }
    },
    forget: (devices) => keys.forget(devices),
  };
}
