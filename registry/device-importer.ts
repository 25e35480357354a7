import { MillraceError } from "../core/errors.ts";
import { GIVEN_TOKEN_PATTERN, TOKEN_CHARACTERS } from "../core/schemas.ts";
import { deviceKey } from "../core/ids.ts";
import type { DeviceImporter, ImportedDevice } from "../core/registry.ts";
import type { Change, ChangeWriter } from "./change-writer.ts";
import { putDevices } from "./device-put.ts";
import { inChunks } from "./schema.ts";
import { tokenHmac } from "./token.ts";

export type { DeviceImporter } from "../core/registry.ts";

interface GivenToken {
  readonly hmac: string;
  readonly tenant: string;
  readonly device: string;
}

export function createDeviceImporter(write: ChangeWriter, secret: Uint8Array): DeviceImporter {
  return {
    async importDevices(devices, actor) {
      const tokens = givenTokens(devices, secret);
      return write(actor, async (change) => {
        const tally = await putDevices(
          change,
          devices.map(({ token: _token, ...device }) => device),
          "update",
        );
        return { ...tally, tokens: await addTokens(change, tokens) };
      });
    },
  };
}

function givenTokens(devices: readonly ImportedDevice[], secret: Uint8Array): readonly GivenToken[] {
  const owners = new Map<string, string>();
  return devices.flatMap(({ tenant, id, token }) => {
    if (token === undefined) return [];
    if (!GIVEN_TOKEN_PATTERN.test(token)) {
      throw new MillraceError("INVALID_INPUT", `device "${id}": a token has ${TOKEN_CHARACTERS}`);
    }
    const owner = owners.get(token);
    if (owner !== undefined) {
      throw new MillraceError("INVALID_INPUT", `device "${id}": has the same token as device "${owner}"`);
    }
    owners.set(token, id);
    return [{ hmac: tokenHmac(secret, token), tenant, device: id }];
  });
}

async function addTokens(change: Change, tokens: readonly GivenToken[]): Promise<number> {
  let added = 0;
  for (const chunk of inChunks(tokens)) {
    const rows = await change.trx
      .selectFrom("credentials")
      .select(["hmac", "kind", "tenant", "principal"])
      .where(
        "hmac",
        "in",
        chunk.map(({ hmac }) => hmac),
      )
      .execute();
    const owners = new Map(rows.map((row) => [row.hmac, `${row.kind} ${deviceKey(row.tenant, row.principal)}`]));
    const fresh = chunk.filter(({ hmac, tenant, device }) => {
      const owner = owners.get(hmac);
      if (owner === undefined) return true;
      if (owner === `device ${deviceKey(tenant, device)}`) return false;
      // Not whose it is: the caller may belong to another tenant.
      throw new MillraceError("ALREADY_EXISTS", `device "${device}": its token belongs to somebody else`);
    });
    if (fresh.length === 0) continue;
    await change.trx
      .insertInto("credentials")
      .values(
        fresh.map(({ hmac, tenant, device }) => ({
          hmac,
          kind: "device" as const,
          tenant,
          principal: device,
          created_at: change.at,
        })),
      )
      .execute();
    for (const { tenant, device } of fresh) change.audit("token.imported", `device ${tenant}/${device}`, "");
    added += fresh.length;
  }
  return added;
}
