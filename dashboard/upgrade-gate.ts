import { STATUS_CODES, type IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { MillraceError } from "../core/errors.ts";
import type { Principal } from "../core/registry.ts";

/** Who a request belongs to, by its cookie or authorization header. Null when nobody; rejects when that cannot be known now. */
export type Authenticate = (headers: IncomingHttpHeaders) => Promise<Principal | null>;

/**
 * Browsers send cookies with WebSocket requests of any page, so the page's origin must be ours (RFC 6455 §10.2). Clients that are no
 * browsers send no Origin and carry no foreign page's wish.
 */
export function isOriginAllowed(headers: IncomingHttpHeaders, allowedOrigins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowedOrigins.includes(origin)) return true;
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

/** The dashboard is for people: a device's credential does not open it. NOT_AUTHENTICATED, NOT_AUTHORIZED. */
export async function identifyAdmin(headers: IncomingHttpHeaders, authenticate: Authenticate): Promise<Principal> {
  const principal = await authenticate(headers);
  if (principal === null) throw new MillraceError("NOT_AUTHENTICATED", "Sign in to see live data.");
  if (principal.kind !== "admin")
    throw new MillraceError("NOT_AUTHORIZED", "A device's token does not open the dashboard.");
  return principal;
}

/** Answers an upgrade with an HTTP problem (RFC 9457) and ends it. */
export function refuseUpgrade(socket: Duplex, status: number, code: string, detail: string): void {
  const body = JSON.stringify({ status, code, detail });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
