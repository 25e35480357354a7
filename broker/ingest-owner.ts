import type { Principal } from "../core/registry.ts";
import type { DeviceGate } from "./device-gate.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { identifyPrincipal, type Peer } from "./identify-principal.ts";
import { type IngestRefusal, isIngestRefusal } from "./ingest-refusals.ts";

/** Whose a token is, as of so many revocations: another one since, and it has to be asked again. */
export interface TokenOwner {
  readonly principal: Principal;
  readonly revocations: number;
}

export type AskOwner = (token: string | null, peer: Peer) => Promise<TokenOwner | IngestRefusal>;

type OwnerLimits = Pick<EdgeLimits, "authenticateTimeoutMs" | "ingestAuthenticatingMax">;

/** Asks whose a token is, for not too many requests at once and not for too long. The answer is never older than a revocation. */
export function createAskOwner(gate: DeviceGate, limits: OwnerLimits): AskOwner {
  let asking = 0;

  async function ask(token: string | null, peer: Peer): Promise<TokenOwner | IngestRefusal> {
    for (;;) {
      const { revocations } = gate;
      const said = token === null ? ({ refusal: "credentials-missing" } as const) : { token };
      const answer = await identifyPrincipal(gate, peer, said);
      if (revocations !== gate.revocations) continue;
      if ("principal" in answer) return { principal: answer.principal, revocations };
      return isIngestRefusal(answer.refusal) ? answer.refusal : "credentials-refused";
    }
  }

  return async (token, peer) => {
    if (asking >= limits.ingestAuthenticatingMax) return "requests-authenticating";
    asking++;
    const late = Promise.withResolvers<IngestRefusal>();
    const timer = setTimeout(() => late.resolve("authenticate-timeout"), limits.authenticateTimeoutMs);
    // Counted until it is answered, however late.
    const answer = ask(token, peer).finally(() => void asking--);
    return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer));
  };
}
