import type { IncomingMessage } from "node:http";
import type { EdgeLimits } from "./edge-limits.ts";
import type { IngestRefusal } from "./ingest-refusals.ts";
import type { IngestRoute } from "./ingest-routes.ts";

/** What the head of a request says: whose it is, and whether it may come again. */
export interface IngestHead {
  /** Null where a certificate says whose it is. */
  readonly token: string | null;
  /** Null without an Idempotency-Key. */
  readonly idempotencyKey: string | null;
}

type HeadLimits = Pick<EdgeLimits, "mqttTokenBytesMax" | "payloadBytesMax" | "idempotencyKeyCharactersMax">;

const BEARER = /^bearer +(\S.*)$/i;
const JSON_TYPE = /^application\/json(?: *; *charset="?utf-8"?)? *$/i;
const VISIBLE = /^[\x21-\x7e]+$/;
const QUOTED = /^"(.+)"$/;

/** Looks at everything that can be refused before anybody is asked and anything of the body is read. */
export function readIngestHead(
  request: IncomingMessage,
  route: IngestRoute,
  limits: HeadLimits,
  hasCertificate: boolean,
): IngestHead | IngestRefusal {
  const { headers } = request;
  const token = route.pathToken === null ? bearerToken(headers.authorization) : decoded(route.pathToken);
  if (token === null && !hasCertificate) {
    return route.pathToken === null ? "credentials-missing" : "credentials-malformed";
  }
  if (token !== null && Buffer.byteLength(token) > limits.mqttTokenBytesMax) return "credentials-malformed";
  // A body that says nothing of what it is may be what simple devices send.
  if (!JSON_TYPE.test(headers["content-type"] ?? "application/json")) return "content-type";
  if ((headers["content-encoding"] ?? "identity") !== "identity") return "content-encoding";
  // Only to refuse early: what is collected is counted as it comes.
  if (Number(headers["content-length"] ?? 0) > limits.payloadBytesMax) return "body-too-large";
  const key = headers["idempotency-key"];
  if (key === undefined) return { token, idempotencyKey: null };
  const idempotencyKey = keyOf(String(key), limits.idempotencyKeyCharactersMax);
  return idempotencyKey === null ? "idempotency-key" : { token, idempotencyKey };
}

function bearerToken(authorization: string | undefined): string | null {
  return BEARER.exec(authorization ?? "")?.[1]?.trimEnd() ?? null;
}

function decoded(pathToken: string): string | null {
  try {
    return decodeURIComponent(pathToken);
  } catch {
    return null;
  }
}

/** With or without the quotes of a structured header (draft-ietf-httpapi-idempotency-key-header §2.1). */
function keyOf(header: string, charactersMax: number): string | null {
  const key = QUOTED.exec(header)?.[1] ?? header;
  return key.length <= charactersMax && VISIBLE.test(key) ? key : null;
}
