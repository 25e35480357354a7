import { deviceKey } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { Authenticator } from "../core/authenticator.ts";
import type { Clock } from "../core/clock.ts";
import type { Principal } from "../core/registry.ts";

const CACHE_MS = 60_000;

export interface CachingAuthenticator extends Authenticator {
  /** Drops what is known of these keys (`tenant/device`): their credentials have changed. */
  forget(keys: readonly string[]): void;
}

/**
 * Remembers whom accepted tokens belong to, so that a reconnect storm does not become a registry storm. Refusals are not remembered:
 * a device added a moment ago must be let in. The token itself is the map's key, in this process's memory only.
 */
export function createAuthenticator(
  verify: (token: string) => Promise<Principal | null>,
  clock: Clock,
): CachingAuthenticator {
  const known = new Map<string, { principal: Principal; until: number }>();
  let generation = 0;
  return {
    async authenticate(token) {
      const cached = known.get(token);
      if (cached && cached.until > clock.now()) return cached.principal;
      const asked = generation;
      const principal = await verify(token);
      // A revocation that came while the answer was under way wins.
      if (principal !== null && asked === generation) {
        if (known.size >= LIMITS.rememberedTokensMax) known.clear();
        known.set(token, { principal, until: clock.now() + CACHE_MS });
      }
      return principal;
    },
    forget(keys) {
      generation += 1;
      const gone = new Set(keys);
      for (const [token, { principal }] of known)
        if (gone.has(deviceKey(principal.tenant, principal.id))) known.delete(token);
    },
  };
}
