import { MillraceError } from "../core/errors.ts";
import type { ChangeWriter } from "./change-writer.ts";
import { tokenHmac } from "./token.ts";

export const SECRET_CHECK = "secret-check";
const SECRET_BYTES_MIN = 32;

/**
 * Binds the registry to the installation's secret on first start. With another one every token would be refused and nobody told
 * why: CONFIG_INVALID.
 */
export async function checkSecret(write: ChangeWriter, secret: Uint8Array): Promise<void> {
  if (secret.length < SECRET_BYTES_MIN) {
    throw new MillraceError("CONFIG_INVALID", `the installation's secret needs ${SECRET_BYTES_MIN} bytes`);
  }
  const value = secretCheckOf(secret);
  await write("millrace", async ({ trx }) => {
    const row = await trx.selectFrom("settings").select("value").where("name", "=", SECRET_CHECK).executeTakeFirst();
    if (row === undefined) await trx.insertInto("settings").values({ name: SECRET_CHECK, value }).execute();
    else if (row.value !== value) {
      throw new MillraceError(
        "CONFIG_INVALID",
        "the installation's secret is not the one that this registry was made with",
        {
          remedy: "Restore the secret file from the backup that the registry came from.",
        },
      );
    }
  });
}

/** What a registry keeps of its installation's secret, to know it again. */
export function secretCheckOf(secret: Uint8Array): string {
  return tokenHmac(secret, SECRET_CHECK);
}
