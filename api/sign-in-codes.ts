import { randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { Principal } from "../core/registry.ts";

/** One-time codes that a printed link carries. They live in memory: a restart prints a new link. */
export interface SignInCodes {
  /** A 192-bit code that signs in once as `principal`, within `LIMITS.signInCodeMs`. */
  issue(principal: Principal): string;
  /** Null when unknown, used or too old. A code is used up by the first call. */
  redeem(code: string): Principal | null;
}

export function createSignInCodes(clock: Clock): SignInCodes {
  const codes = new Map<string, { readonly principal: Principal; readonly until: number }>();
  return {
    issue(principal) {
      const oldest = codes.keys().next().value;
      if (codes.size >= LIMITS.signInCodesMax && oldest !== undefined) codes.delete(oldest);
      const code = randomBytes(24).toString("base64url");
      codes.set(code, { principal, until: clock.now() + LIMITS.signInCodeMs });
      return code;
    },
    redeem(code) {
      const found = codes.get(code);
      codes.delete(code);
      return found && clock.now() < found.until ? found.principal : null;
    },
  };
}
