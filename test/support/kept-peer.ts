import type { BrokerHarness } from "./broker-harness.ts";
import { CONNACK_ACCEPTED, type RawConnect, rawConnect, type RawPeer } from "./raw-mqtt.ts";

/** A CONNECT with clean session = 0. */
export const KEPT = { flags: 0xc0, clientId: "kept" };

export const hex = (...packets: readonly Uint8Array[]): string => Buffer.concat(packets).toString("hex");

/** The same client with clean session = 1. */
export const CLEAN = { ...KEPT, flags: 0xc2 };

/** A peer that asks for its session, unless told otherwise. Resolves when CONNACK is there. */
export async function resumeKept(edge: Pick<BrokerHarness, "raw">, connect: RawConnect = KEPT): Promise<RawPeer> {
  const peer = await edge.raw();
  peer.send(rawConnect(connect));
  await peer.receive((received) => received.length >= CONNACK_ACCEPTED.length);
  return peer;
}
