import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Principal } from "../core/registry.ts";
import { isSameOrigin, originIsHost } from "./same-origin.ts";
import { sessionOfCookies, type Sessions } from "./sessions.ts";

/** Asks the registry who a token belongs to. */
export type VerifyToken = (token: string) => Promise<Principal | null>;

/** Decides who a request speaks for: an administrator, by bearer token or by session cookie. */
export interface Gate {
  /** Lets the request in or rejects: NOT_AUTHENTICATED, NOT_AUTHORIZED, REGISTRY_IO. */
  letIn(request: IncomingMessage): Promise<void>;
  /** Who a request that was let in speaks for. */
  principalOf(request: IncomingMessage): Principal;
  /** For WebSocket upgrades. Null when they are not to be accepted. */
  authenticateUpgrade(headers: IncomingHttpHeaders): Promise<Principal | null>;
}

const SAFE_METHODS: readonly (string | undefined)[] = ["GET", "HEAD", "OPTIONS"];
const REMEDY = "Send `Authorization: Bearer <admin token>`, or sign in at / in a browser.";

export function createGate(sessions: Sessions, verify: VerifyToken): Gate {
  // Keyed by the request, so that nothing outlives it.
  const principals = new WeakMap<IncomingMessage, Principal>();
  const identify = async (headers: IncomingHttpHeaders) => {
    if (headers.authorization !== undefined) {
      const token = bearerToken(headers.authorization);
      return { by: "token", principal: token === null ? null : await verify(token) } as const;
    }
    const session = sessionOfCookies(headers.cookie);
    return { by: "cookie", principal: session === null ? null : sessions.find(session) } as const;
  };
  return {
    async letIn(request) {
      const { by, principal } = await identify(request.headers);
      if (!principal) throw notAuthenticated(request.headers);
      if (by === "cookie" && !SAFE_METHODS.includes(request.method) && !isSameOrigin(request.headers)) {
        throw new MillraceError("NOT_AUTHORIZED", "A session's changes must come from a page of this origin.", {
          remedy: "From a program, use a bearer token instead of the cookie.",
        });
      }
      principals.set(request, requireAdmin(principal));
    },
    principalOf(request) {
      const principal = principals.get(request);
      if (!principal) throw notAuthenticated(request.headers);
      return principal;
    },
    async authenticateUpgrade(headers) {
      const { by, principal } = await identify(headers);
      if (principal?.kind !== "admin") return null;
      // The same-origin policy does not cover WebSockets: a foreign page could open one with the user's cookie.
      return by === "token" || originIsHost(headers) ? principal : null;
    },
  };
}

export function requireAdmin(principal: Principal): Principal {
  if (principal.kind === "admin") return principal;
  throw new MillraceError("NOT_AUTHORIZED", "A device's token opens the broker, not the API.", { remedy: REMEDY });
}

/** The token of an Authorization header (RFC 6750 §2.1); null when it is of another kind or too long. */
export function bearerToken(header: string): string | null {
  const match = /^Bearer +([\x21-\x7e]+) *$/i.exec(header);
  const token = match?.[1];
  return token === undefined || token.length > LIMITS.credentialCharactersMax ? null : token;
}

function notAuthenticated(headers: IncomingHttpHeaders): MillraceError {
  const given = headers.authorization !== undefined || sessionOfCookies(headers.cookie) !== null;
  const text = given ? "The token or session is not known, or no longer." : "This needs an admin token or a session.";
  return new MillraceError("NOT_AUTHENTICATED", text, { remedy: REMEDY });
}
