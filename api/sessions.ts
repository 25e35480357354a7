import { randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { Principal } from "../core/registry.ts";

export const SESSION_COOKIE = "millrace_session";

/** Signed-in browsers, in memory: a restart signs everybody out. */
export interface Sessions {
  /** The value of the session's cookie: 256 random bits. */
  open(principal: Principal): string;
  find(session: string): Principal | null;
  close(session: string): void;
}

export function createSessions(clock: Clock): Sessions {
  const sessions = new Map<string, { readonly principal: Principal; readonly until: number }>();
  return {
    open(principal) {
      const oldest = sessions.keys().next().value;
      if (sessions.size >= LIMITS.sessionsMax && oldest !== undefined) sessions.delete(oldest);
      const session = randomBytes(32).toString("base64url");
      sessions.set(session, { principal, until: clock.now() + LIMITS.sessionMs });
      return session;
    },
    find(session) {
      const found = sessions.get(session);
      if (!found) return null;
      if (clock.now() < found.until) return found.principal;
      sessions.delete(session);
      return null;
    },
    close: (session) => void sessions.delete(session),
  };
}

/** The session of a Cookie header; null when it has none. */
export function sessionOfCookies(header: string | undefined): string | null {
  for (const pair of header?.split(";") ?? []) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === SESSION_COOKIE && value !== undefined && value !== "") return value;
  }
  return null;
}

/** A Set-Cookie header. `session` null takes the cookie back. Strict: no other site's page can send it along. */
export function sessionCookie(session: string | null, secure: boolean): string {
  const age = session === null ? 0 : Math.floor(LIMITS.sessionMs / 1000);
  return `${SESSION_COOKIE}=${session ?? ""}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
}
