import type { Principal } from "../core/registry.ts";
import type { DeviceGate } from "./device-gate.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { IngestRefusal } from "./ingest-refusals.ts";

/** Whose a token is, as of so many revocations: another one since, and it has to be asked again. */
export interface TokenOwner {
  readonly principal: Principal;
  readonly revocations: number;
}

export type AskOwner = (token: string) => Promise<TokenOwner | IngestRefusal>;

type OwnerLimits = Pick<EdgeLimits, "authenticateTimeoutMs" | "ingestAuthenticatingMax">;

/** Asks whose a token is, for not too many requests at once and not for too long. The answer is never older than a revocation. */
export function createAskOwner(gate: DeviceGate, limits: OwnerLimits): AskOwner {
  let asking = 0;

  async function ask(token: string): Promise<TokenOwner | IngestRefusal> {
    for (;;) {
      const { revocations } = gate;
      const answer = await gate.identify(token);
      if (revocations !== gate.revocations) continue;
      if ("principal" in answer) return { principal: answer.principal, revocations };
      return answer.refusal === "authenticate-failed" ? "authenticate-failed" : "credentials-refused";
    }
  }

  return async (token) => {
    if (asking >= limits.ingestAuthenticatingMax) return "requests-authenticating";
    asking++;
    const late = Promise.withResolvers<IngestRefusal>();
    const timer = setTimeout(() => late.resolve("authenticate-timeout"), limits.authenticateTimeoutMs);
    // Counted until it is answered, however late.
    const answer = ask(token).finally(() => void asking--);
    return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer));
  };
}
