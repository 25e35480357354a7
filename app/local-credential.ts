import { timingSafeEqual } from "node:crypto";
import type { CredentialStore, Principal, Registry } from "../core/registry.ts";

/** A registry that also accepts the token of this start's local command line, as admin of the local tenant. */
export function withLocalToken<R extends Registry>(registry: R, token: string, tenant: string): R {
  const expected = Buffer.from(token);
  const principal: Principal = { kind: "admin", tenant, id: "local command line" };
  const isLocal = (given: string): boolean => {
    const bytes = Buffer.from(given);
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  };
  const { credentials } = registry;
  const wrapped: CredentialStore = {
    ...credentials,
    verify: (given) => (isLocal(given) ? Promise.resolve(principal) : credentials.verify(given)),
  };
  return { ...registry, credentials: wrapped };
}
