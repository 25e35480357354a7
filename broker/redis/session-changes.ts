import { decodeSession } from "../session/session-values.ts";
import type { SessionChange } from "../session/session-store.ts";

/** Who made it: the name of a store, of this many characters. */
export const ORIGIN_CHARACTERS = 36;

export interface ToldChange {
  readonly origin: string;
  readonly changes: readonly SessionChange[];
}

/** What session-scripts.ts tells of. Null when it is nothing of that kind. */
export function decodeChange(bytes: Buffer): ToldChange | null {
  const origin = bytes.toString("latin1", 0, ORIGIN_CHARACTERS);
  const kind = bytes.toString("latin1", ORIGIN_CHARACTERS, ORIGIN_CHARACTERS + 1);
  const text = bytes.subarray(ORIGIN_CHARACTERS + 1);
  if (kind === "r") return { origin, changes: [{ kind: "removed", client: text.toString() }] };
  if (kind === "q") {
    const clients = decodeClients(text);
    return clients === null ? null : { origin, changes: clients.map((client) => ({ kind: "queued", client })) };
  }
  const session = kind === "p" ? decodeSession(text) : null;
  return session === null ? null : { origin, changes: [{ kind: "put", session }] };
}

/** Each after its bytes (u16). */
function decodeClients(text: Buffer): readonly string[] | null {
  const clients: string[] = [];
  for (let at = 0; at < text.length;) {
    if (at + 2 > text.length) return null;
    const end = at + 2 + text.readUInt16BE(at);
    if (end > text.length) return null;
    clients.push(text.toString("utf8", at + 2, end));
    at = end;
  }
  return clients;
}
