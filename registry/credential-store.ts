import type { Kysely } from "kysely";
import { MillraceError } from "../core/errors.ts";
import { deviceKey, isId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { CredentialStore, Principal } from "../core/registry.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import { deviceNotFound } from "./not-found.ts";
import type { Tables } from "./schema.ts";
import { newToken, tokenHmac } from "./token.ts";

export interface CredentialStoreOptions {
  readonly db: Kysely<Tables>;
  readonly write: ChangeWriter;
  readonly secret: Uint8Array;
  /** The tenant that admin tokens speak for. */
  readonly adminTenant: string;
}

/** Tokens are shown once; only their HMAC is stored. */
export function createCredentialStore({ db, write, secret, adminTenant }: CredentialStoreOptions): CredentialStore {
  return {
    async issueDeviceToken(tenant, device, revokeOlder, actor) {
      const token = newToken("device");
      const hmac = tokenHmac(secret, token);
      await write(actor, (change) => issueDeviceToken(change, tenant, device, hmac, revokeOlder));
      return token;
    },
    async issueAdminToken(name, actor) {
      if (!isId(name)) throw new MillraceError("INVALID_INPUT", "the name of an admin token must be an id");
      const token = newToken("admin");
      const hmac = tokenHmac(secret, token);
      await write(actor, (change) => issueAdminToken(change, adminTenant, name, hmac));
      return token;
    },
    async hasAdminToken() {
      const row = await db.selectFrom("credentials").select("hmac").where("kind", "=", "admin").executeTakeFirst();
      return row !== undefined;
    },
    async verify(token) {
      // No token of ours: refused before it is hashed.
      if (token.length > LIMITS.tokenCharactersMax) return null;
      return findPrincipal(db, tokenHmac(secret, token));
    },
  };
}

async function issueDeviceToken(
  change: Change,
  tenant: string,
  device: string,
  hmac: string,
  revokeOlder: boolean,
): Promise<void> {
  const known = await change.trx
    .selectFrom("devices")
    .select("id")
    .where("tenant", "=", tenant)
    .where("id", "=", device)
    .executeTakeFirst();
  if (known === undefined) throw deviceNotFound(tenant, device);
  const revoked = revokeOlder ? await revokeTokens(change, "device", tenant, device) : 0;
  await insertCredential(change, { hmac, kind: "device", tenant, principal: device });
  change.audit("token.issued", `device ${tenant}/${device}`, revoked > 0 ? `${revoked} older revoked` : "");
  if (revoked > 0) change.revoke(deviceKey(tenant, device));
}

/** A new admin token takes the place of the older one of that name: a leaked one is revoked by issuing it again. */
async function issueAdminToken(change: Change, tenant: string, name: string, hmac: string): Promise<void> {
  const revoked = await revokeTokens(change, "admin", tenant, name);
  await insertCredential(change, { hmac, kind: "admin", tenant, principal: name });
  change.audit("token.issued", `admin ${name}`, revoked > 0 ? `${revoked} older revoked` : "");
}

async function revokeTokens(
  { trx }: Change,
  kind: "device" | "admin",
  tenant: string,
  principal: string,
): Promise<number> {
  const rows = await trx
    .deleteFrom("credentials")
    .where("kind", "=", kind)
    .where("tenant", "=", tenant)
    .where("principal", "=", principal)
    .returning("hmac")
    .execute();
  return rows.length;
}

async function insertCredential({ trx, at }: Change, row: Omit<Tables["credentials"], "created_at">): Promise<void> {
  await trx
    .insertInto("credentials")
    .values({ ...row, created_at: at })
    .execute();
}

/** One indexed look-up. A device's token counts only while the device is there and enabled. */
async function findPrincipal(db: Kysely<Tables>, hmac: string): Promise<Principal | null> {
  const row = await db
    .selectFrom("credentials")
    .leftJoin("devices", (join) =>
      join.onRef("devices.tenant", "=", "credentials.tenant").onRef("devices.id", "=", "credentials.principal"),
    )
    .select(["credentials.kind", "credentials.tenant", "credentials.principal", "devices.disabled", "devices.gateway"])
    .where("credentials.hmac", "=", hmac)
    .executeTakeFirst();
  if (row === undefined) return null;
  if (row.kind === "device" && (row.disabled === null || row.disabled !== 0)) return null;
  const principal = { kind: row.kind, tenant: row.tenant, id: row.principal };
  return row.kind === "device" && row.gateway === 1 ? { ...principal, isGateway: true } : principal;
}
