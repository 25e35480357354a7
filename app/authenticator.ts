import { deviceKey } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { Authenticator, FindDevice } from "../core/authenticator.ts";
import type { Clock } from "../core/clock.ts";
import type { Principal } from "../core/registry.ts";

const CACHE_MS = 60_000;

export interface CachingAuthenticator extends Authenticator {
  readonly findDevice: FindDevice;
  /** Drops what is known of these keys (`tenant/device`): their credentials have changed. */
  forget(keys: readonly string[]): void;
}

type LookUp = (text: string) => Promise<Principal | null>;

/** Looks up whose a token is, and whether a device may connect, and remembers both for a while. */
export function createAuthenticator(
  verify: LookUp,
  clock: Clock,
  findDevice: LookUp = () => Promise.resolve(null),
  rememberedMax: number = LIMITS.rememberedTokensMax,
): CachingAuthenticator {
  const tokens = createMemory(verify, clock, rememberedMax);
  const devices = createMemory(findDevice, clock, rememberedMax);
  return {
    authenticate: tokens.ask,
    findDevice: devices.ask,
    forget(keys) {
      tokens.forget(keys);
      devices.forget(keys);
    },
  };
}

/**
 * Remembers what was found, so that a reconnect storm does not become a registry storm. Refusals are not remembered: a device added a moment ago
 * must be let in. A token itself is the map's key, in this process's memory only.
 */
function createMemory(
  lookUp: LookUp,
  clock: Clock,
  rememberedMax: number,
): { readonly ask: LookUp; forget(keys: readonly string[]): void } {
  const known = new Map<string, { principal: Principal; until: number }>();
  let generation = 0;
  return {
    async ask(text) {
      const cached = known.get(text);
      if (cached && cached.until > clock.now()) return cached.principal;
      const asked = generation;
      const principal = await lookUp(text);
      // A revocation that came while the answer was under way wins.
      if (principal !== null && asked === generation) {
        if (known.size >= rememberedMax) known.clear();
        known.set(text, { principal, until: clock.now() + CACHE_MS });
      }
      return principal;
    },
    forget(keys) {
      generation += 1;
      const gone = new Set(keys);
      for (const [text, { principal }] of known)
        if (gone.has(deviceKey(principal.tenant, principal.id))) known.delete(text);
    },
  };
}
