import { expect } from "vitest";
import { heard, type RawPeer } from "./raw-mqtt.ts";

/** What each peer was to hear so far, in hex. */
const HEARD = new WeakMap<RawPeer, string>();

/** Sends, and expects that the peer hears exactly this, in hex, behind what it was to hear before: no more and no less. */
export async function exchange(peer: RawPeer, sent: readonly Uint8Array[], expected: string): Promise<void> {
  const whole = (HEARD.get(peer) ?? peer.received()) + expected;
  HEARD.set(peer, whole);
  peer.send(...sent);
  expect(await heard(peer, whole)).toBe(whole);
}
