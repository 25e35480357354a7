import type { Authenticator, FindDevice, FindPublishable } from "../core/authenticator.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Principal } from "../core/registry.ts";
import type { RefusalReason } from "./refusals.ts";

export type PublishableOrRefusal = { readonly publishable: ReadonlySet<string> } | { readonly refusal: RefusalReason };

export type PrincipalOrRefusal = { readonly principal: Principal } | { readonly refusal: RefusalReason };

/** Asks whose a token is. The caller keeps the deadline. */
export interface DeviceGate {
  /** Never rejects. */
  identify(token: string): Promise<PrincipalOrRefusal>;
  /** The device (`tenant/device`) if it may connect. Never rejects. */
  identifyDevice(key: string): Promise<PrincipalOrRefusal>;
  /** Those of these ids for which a gateway (`tenant/device`) may publish, as of the newest revocation. Never rejects. */
  publishable(gateway: string, ids: readonly string[]): Promise<PublishableOrRefusal>;
  /** Credentials were revoked: answers that were asked for before may be wrong. */
  credentialsRevoked(): void;
  /** How often that was said: an answer counts only if it has not been said since the question. */
  readonly revocations: number;
}

export interface DeviceGateOptions {
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  /** Absent where no certificate can name a device. */
  readonly findDevice?: FindDevice | undefined;
  /** Absent where no device publishes for others. */
  readonly findPublishable?: FindPublishable;
}

const NO_DEVICE: FindDevice = () => Promise.resolve(null);
const NO_DEVICES: FindPublishable = () => Promise.resolve([]);

export function createDeviceGate({
  authenticator,
  logger,
  findDevice = NO_DEVICE,
  findPublishable = NO_DEVICES,
}: DeviceGateOptions): DeviceGate {
  let revocations = 0;
  return {
    async identify(token) {
      try {
        const principal = await authenticator.authenticate(token);
        return principal?.kind === "device" ? { principal } : { refusal: "credentials-refused" };
      } catch (error) {
        logger.warn({ error: errorText(error) }, "the registry could not say whose a token is");
        return { refusal: "authenticate-failed" };
      }
    },
    async identifyDevice(key) {
      try {
        const principal = await findDevice(key);
        return principal === null ? { refusal: "certificate-refused" } : { principal };
      } catch (error) {
        logger.warn({ error: errorText(error) }, "the registry could not say whether a device may connect");
        return { refusal: "authenticate-failed" };
      }
    },
    async publishable(gateway, ids) {
      try {
        for (;;) {
          const asked = revocations;
          const found = await findPublishable(gateway, ids);
          if (asked === revocations) return { publishable: new Set(found) };
        }
      } catch (error) {
        logger.warn({ error: errorText(error) }, "the registry could not say for whom a gateway may publish");
        return { refusal: "authenticate-failed" };
      }
    },
    credentialsRevoked() {
      revocations++;
    },
    get revocations() {
      return revocations;
    },
  };
}
