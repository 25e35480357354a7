import { createHmac, randomBytes } from "node:crypto";

/** 256 random bits behind a prefix that tells people and secret scanners what they look at. */
export function newToken(kind: "device" | "admin"): string {
  return `${kind === "device" ? "mr_d_" : "mr_a_"}${randomBytes(32).toString("base64url")}`;
}

/**
 * HMAC-SHA256 under the installation's secret, base64url: all that is stored of a token. Looking it up leaks nothing by time,
 * since nobody without the secret can choose a digest.
 */
export function tokenHmac(secret: Uint8Array, token: string): string {
  return createHmac("sha256", secret).update(token).digest("base64url");
}
