import type { IncomingMessage } from "node:http";
import type { IngestRefusal } from "./ingest-refusals.ts";
import type { TelemetryFormat } from "./topic-acl.ts";

/** Where a device posts, and what its body then holds. */
export interface IngestRoute {
  readonly format: TelemetryFormat;
  /** The token that stands in ThingsBoard's path, as it stands there. Null where the Authorization header has it. */
  readonly pathToken: string | null;
  /** The device that the query names, unchecked. Null: that of the token. */
  readonly device: string | null;
}

const THINGSBOARD_PATH = /^\/api\/v1\/([^/]+)\/telemetry$/;
const WEBSOCKET_PATH = "/mqtt";

/** The route of a request for telemetry, or why there is none. */
export function ingestRouteOf(request: IncomingMessage): IngestRoute | IngestRefusal {
  const path = pathOf(request);
  if (path === WEBSOCKET_PATH) return asksForWebSocket(request) ? "websocket-protocol" : "websocket-expected";
  const route = path === "/v1/telemetry" ? ownRoute(request) : thingsboardRoute(path);
  if (route === null) return "path";
  return request.method === "POST" ? route : "method";
}

/**
 * True when the request may become a WebSocket that carries MQTT: the client must offer the subprotocol `mqtt` [MQTT-6.0.0-3]. Any
 * Origin may, because no cookie is looked at: a foreign page has no token to send.
 */
export function isMqttUpgrade(request: IncomingMessage): boolean {
  if (request.method !== "GET" || pathOf(request) !== WEBSOCKET_PATH || !asksForWebSocket(request)) return false;
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  return offered.split(",").some((protocol) => protocol.trim() === "mqtt");
}

function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

function ownRoute({ url = "" }: IncomingMessage): IngestRoute {
  const query = url.indexOf("?");
  const device = query < 0 ? null : new URLSearchParams(url.slice(query)).get("device");
  return { format: "json", pathToken: null, device };
}

function thingsboardRoute(path: string): IngestRoute | null {
  const pathToken = THINGSBOARD_PATH.exec(path)?.[1];
  return pathToken === undefined ? null : { format: "tb-json", pathToken, device: null };
}

function pathOf({ url = "" }: IncomingMessage): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}
