import type { IncomingHttpHeaders } from "node:http";

/**
 * True when the browser says that a page of this very origin sent the request. SameSite=Strict alone does not say it: a page on
 * another port of the same host is "same site". Sec-Fetch-Site is missing on plain http to other hosts; Origin stands in.
 */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  return originIsHost(headers);
}

/** True when a browser names another site as the sender. A client that is no browser names none. */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const named = headers["sec-fetch-site"] !== undefined || headers.origin !== undefined;
  return named && !isSameOrigin(headers);
}

/** For WebSocket handshakes, where every browser sends Origin (RFC 6455 §4.1) but not every one Sec-Fetch-Site. */
export function originIsHost(headers: IncomingHttpHeaders): boolean {
  const { origin, host } = headers;
  return (
    origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
  );
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * True when the request was made on this machine itself. A forwarding header means a reverse proxy, whose clients may be anywhere;
 * a host name that is not loopback may be a web page that had its own name resolve to 127.0.0.1 (DNS rebinding).
 */
export function isLocalRequest(peer: string | undefined, headers: IncomingHttpHeaders): boolean {
  if (peer === undefined || !/^(127\.|::1$|::ffff:127\.)/.test(peer)) return false;
  if (headers["x-forwarded-for"] !== undefined || headers["forwarded"] !== undefined) return false;
  return LOOPBACK_HOST.test(headers.host ?? "");
}
