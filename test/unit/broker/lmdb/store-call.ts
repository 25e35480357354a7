import type { FaultTransition } from "../../../../core/fault.ts";
import type { DeliveryQos, SessionStore } from "../../../../broker/session/session-store.ts";

/** A call that changes something, as text can carry it. */
export type StoreCall =
  | { readonly kind: "put"; readonly filter: string; readonly disconnectedAt: number | null }
  | { readonly kind: "remove" }
  | { readonly kind: "enqueue"; readonly text: string; readonly bytes: number; readonly qos: DeliveryQos }
  | { readonly kind: "settle" | "release"; readonly sequence: number }
  | { readonly kind: "receive"; readonly packetId: number; readonly id: string }
  | { readonly kind: "complete"; readonly packetId: number }
  | { readonly kind: "retain"; readonly level: string; readonly text: string };

/** What the child says, one line of JSON each: a worker makes its n-th call, or that one is answered; or what the store says of itself. */
export type ChildLine =
  | { readonly worker: number; readonly call: StoreCall }
  | { readonly worker: number; readonly done: true }
  | { readonly worker: number; readonly refused: string }
  | { readonly worker: null; readonly fault: FaultTransition };

export const WORKERS = 6;

export function clientOf(worker: number): string {
  return `acme/d${worker}/c`;
}

export function makeCall(store: SessionStore, worker: number, call: StoreCall): Promise<unknown> {
  const client = clientOf(worker);
  switch (call.kind) {
    case "put":
      return store.put({
        client,
        subscriptions: [{ filter: call.filter, qos: 1 }],
        disconnectedAt: call.disconnectedAt,
      });
    case "remove":
      return store.remove(client);
    case "enqueue": {
      const payload = Buffer.alloc(call.bytes, call.text);
      const message = { topic: `t/${call.text}`, payload, retain: false, queuedAt: call.bytes };
      return store.enqueue(message, [{ client, qos: call.qos }]);
    }
    case "settle":
      return store.settle(client, call.sequence);
    case "release":
      return store.release(client, call.sequence);
    case "receive":
      return store.receive(client, call.packetId, call.id);
    case "complete":
      return store.complete(client, call.packetId);
    case "retain":
      return store.retain({ topic: `${worker}/${call.level}`, payload: Buffer.from(call.text), qos: 1 });
  }
}

/** Everything of one worker, in a form that can be compared. */
export async function everythingOf(store: SessionStore, worker: number): Promise<string> {
  const client = clientOf(worker);
  const queued = await store.queued(client, 0, 1000);
  const retained = await store.retained(`${worker}/`);
  return JSON.stringify([
    queued.map((one) => ({ ...one, payload: Buffer.from(one.payload).toString("base64") })),
    [...(await store.received(client))].toSorted(([a], [b]) => a - b),
    retained.map(({ topic, payload }) => `${topic} ${Buffer.from(payload).toString()}`).toSorted(),
  ]);
}
