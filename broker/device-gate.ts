import type { Authenticator, FindDevice } from "../core/authenticator.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Principal } from "../core/registry.ts";
import type { RefusalReason } from "./refusals.ts";
import type { TokenAnswer, TokenWatch } from "./token-watch.ts";

export type PrincipalOrRefusal = { readonly principal: Principal } | { readonly refusal: RefusalReason };

/** Asks whose a token is. The caller keeps the deadline. */
export interface DeviceGate {
  /** `network`: where it came from, see `remoteNetwork`. Never rejects. */
  identify(token: string, network: string): Promise<PrincipalOrRefusal>;
  /** The device (`tenant/device`) of a certificate if it may connect. Never rejects. */
  identifyDevice(key: string, network: string): Promise<PrincipalOrRefusal>;
  /** Credentials were revoked: answers that were asked for before may be wrong. */
  credentialsRevoked(): void;
  /** How often that was said: an answer counts only if it has not been said since the question. */
  readonly revocations: number;
}

const NO_DEVICE: FindDevice = () => Promise.resolve(null);

export interface DeviceGateOptions {
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly watch: TokenWatch;
  /** Absent where no certificate can name a device. */
  readonly findDevice?: FindDevice | undefined;
}

export function createDeviceGate(options: DeviceGateOptions): DeviceGate {
  const { authenticator, logger, watch, findDevice = NO_DEVICE } = options;
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
    credentialsRevoked() {
      revocations++;
    },
    get revocations() {
      return revocations;
    },
  };
}
