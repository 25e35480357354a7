import type { Authenticator, FindDevice, FindPublishable } from "../core/authenticator.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Principal } from "../core/registry.ts";
import type { RefusalReason } from "./refusals.ts";
import type { TokenAnswer, TokenWatch } from "./token-watch.ts";

export type PublishableOrRefusal = { readonly publishable: ReadonlySet<string> } | { readonly refusal: RefusalReason };

export type PrincipalOrRefusal = { readonly principal: Principal } | { readonly refusal: RefusalReason };

/** Asks whose a token is. The caller keeps the deadline. */
export interface DeviceGate {
  /** `network`: where it came from, see `remoteNetwork`. Never rejects. */
  identify(token: string, network: string): Promise<PrincipalOrRefusal>;
  /** The device (`tenant/device`) of a certificate if it may connect. Never rejects. */
  identifyDevice(key: string, network: string): Promise<PrincipalOrRefusal>;
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
  readonly watch: TokenWatch;
  /** Absent where no certificate can name a device. */
  readonly findDevice?: FindDevice | undefined;
  /** Absent where no device publishes for others. */
  readonly findPublishable?: FindPublishable;
}

const NO_DEVICE: FindDevice = () => Promise.resolve(null);
const NO_DEVICES: FindPublishable = () => Promise.resolve([]);

export function createDeviceGate(options: DeviceGateOptions): DeviceGate {
  const { authenticator, logger, watch, findDevice = NO_DEVICE, findPublishable = NO_DEVICES } = options;
  let revocations = 0;

  async function watched(
    secret: string,
    network: string,
    lookUp: () => Promise<PrincipalOrRefusal>,
  ): Promise<PrincipalOrRefusal> {
    const question = watch.ask(secret, network);
    if (typeof question === "string") return { refusal: question };
    let answer: TokenAnswer = "unanswered";
    try {
      const found = await lookUp();
      answer = "principal" in found ? "accepted" : "refused";
      return found;
    } catch (error) {
      logger.warn({ error: errorText(error) }, "the registry could not say who may connect");
      return { refusal: "authenticate-failed" };
    } finally {
      question.answered(answer);
    }
  }

  return {
    identify: (token, network) =>
      watched(`token ${token}`, network, async () => {
        const principal = await authenticator.authenticate(token);
        return principal?.kind === "device" ? { principal } : { refusal: "credentials-refused" };
      }),
    identifyDevice: (key, network) =>
      watched(`certificate ${key}`, network, async () => {
        const principal = await findDevice(key);
        return principal === null ? { refusal: "certificate-refused" } : { principal };
      }),
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
