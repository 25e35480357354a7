import type { Principal } from "./registry.ts";

/** How the edge asks who a token belongs to. Answers may come from a cache; a revoked key is dropped from it at once. */
export interface Authenticator {
  /** Null when the token is not accepted. Rejects when the registry cannot answer: the connection is refused as unavailable. */
  authenticate(token: string): Promise<Principal | null>;
}

/**
 * The device of a key (`tenant/device`) that something else than a token has proven, such as a certificate. Null when it is unknown, disabled or
 * removed. Rejects as `authenticate` does.
 */
export type FindDevice = (key: string) => Promise<Principal | null>;

/**
 * Those of these devices of its tenant for which a gateway (`tenant/device`) may publish; those that it may create are created. Answers may come
 * from a cache, as those of `authenticate`. Rejects as that does.
 */
export type FindPublishable = (gateway: string, ids: readonly string[]) => Promise<readonly string[]>;
