import { createHash } from "node:crypto";
import { type GatewayLink, NO_OTHER_GATEWAYS } from "../broker/gateway-link.ts";
import type { RedisLinkOptions } from "../broker/redis/redis-link.ts";

/** Enough to tell installations apart. */
const NAME_CHARACTERS = 16;

/**
 * Names the installation in Redis, which several may use. Gateways belong together when they have the same installation secret, which
 * those that share a registry have.
 */
export function installationInRedis(secret: Uint8Array): string {
  return createHash("sha256").update("gateways").update(secret).digest("hex").slice(0, NAME_CHARACTERS);
}

/** How this gateway reaches the others. CONFIG_INVALID when the URL is none. */
export async function openGatewayLink(
  url: string | undefined,
  secret: Uint8Array,
  options: Omit<RedisLinkOptions, "url" | "installation">,
): Promise<GatewayLink> {
  if (url === undefined) return NO_OTHER_GATEWAYS;
  // Only who uses it pays the time and memory of loading the client.
  const { createRedisLink } = await import("../broker/redis/redis-link.ts");
  return createRedisLink({ ...options, url, installation: installationInRedis(secret) });
}
