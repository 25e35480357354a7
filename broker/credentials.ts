import { isUtf8 } from "node:buffer";
import type { MqttConnect } from "../wire/mqtt-connect.ts";
import type { RefusalReason } from "./refusals.ts";

export type TokenOrRefusal = { readonly token: string } | { readonly refusal: RefusalReason };

/**
 * The token of a CONNECT: the password, beside a user name that may say anything; or the user name alone, as ThingsBoard's
 * firmware has it.
 */
export function tokenOf(connect: MqttConnect, tokenBytesMax: number): TokenOrRefusal {
  const { userName, password } = connect;
  if (userName === null || userName === "") return { refusal: "credentials-missing" };
  if (password === null || password.length === 0) {
    return Buffer.byteLength(userName) > tokenBytesMax ? { refusal: "credentials-malformed" } : { token: userName };
  }
  if (password.length > tokenBytesMax || !isUtf8(password)) return { refusal: "credentials-malformed" };
  return { token: Buffer.from(password).toString("utf8") };
}
