import type { Authenticator, FindDevice } from "../core/authenticator.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Principal } from "../core/registry.ts";
import type { RefusalReason } from "./refusals.ts";

export type PrincipalOrRefusal = { readonly principal: Principal } | { readonly refusal: RefusalReason };

/** Asks whose a token is. The caller keeps the deadline. */
export interface DeviceGate {
  /** Never rejects. */
  identify(token: string): Promise<PrincipalOrRefusal>;
  /** The device (`tenant/device`) if it may connect. Never rejects. */
  identifyDevice(key: string): Promise<PrincipalOrRefusal>;
  /** Credentials were revoked: answers that were asked for before may be wrong. */
  credentialsRevoked(): void;
  /** How often that was said: an answer counts only if it has not been said since the question. */
  readonly revocations: number;
}

const NO_DEVICE: FindDevice = () => Promise.resolve(null);

/** `findDevice` is absent where no certificate can name a device. */
export function createDeviceGate(
  authenticator: Authenticator,
  logger: Logger,
  findDevice: FindDevice = NO_DEVICE,
): DeviceGate {
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
    credentialsRevoked() {
      revocations++;
    },
    get revocations() {
      return revocations;
    },
  };
}
