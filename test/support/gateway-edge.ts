import { startBroker, type BrokerHarness } from "./broker-harness.ts";
import type { BrokerOptions } from "../../broker/broker.ts";
import type { Principal } from "../../core/registry.ts";

export const GATEWAY_TOPIC = "v1/gateway/telemetry";

/** A broker with the gateway `gw` of tenant `acme`, and what its registry says of it. */
export interface GatewayEdge extends BrokerHarness {
  /** Ids for which the gateway may publish. */
  readonly own: Set<string>;
  /** What the registry was asked, question by question. */
  readonly questions: readonly (readonly string[])[];
  /** While set, questions wait for it. */
  delay: Promise<void> | null;
  /** While set, questions fail with it. */
  failure: Error | null;
  /** What the log holds: `key payload`, sorted by nothing but time, and `refused` where the edge refused it. */
  told(): readonly string[];
}

/** `token-gw` is the gateway's, `token-a` an ordinary device's. */
export async function startGatewayEdge(options: Partial<Omit<BrokerOptions, "intake">> = {}): Promise<GatewayEdge> {
  const own = new Set(["a", "b", "c", "gw"]);
  const questions: (readonly string[])[] = [];
  const principals: Readonly<Record<string, Principal>> = {
    "token-gw": { kind: "device", tenant: "acme", id: "gw", isGateway: true },
    "token-a": { kind: "device", tenant: "acme", id: "a" },
  };
  const edge = await startBroker({
    authenticator: {
      authenticate: async (token) => (Object.hasOwn(principals, token) ? (principals[token] ?? null) : null),
    },
    async findPublishable(gateway, ids) {
      questions.push(ids);
      await extended.delay;
      if (extended.failure !== null) throw extended.failure;
      return gateway === "acme/gw" ? ids.filter((id) => own.has(id)) : [];
    },
    ...options,
  });
  const extended: GatewayEdge = Object.assign(edge, {
    own,
    questions,
    delay: null,
    failure: null,
    told: () =>
      edge.log.records.map(({ key, value, headers }) => {
        const refused = headers.find(([name]) => name === "refused")?.[1];
        return `${key ?? ""}${refused === undefined ? "" : ` ${refused}`} ${Buffer.from(value).toString()}`;
      }),
  });
  return extended;
}

/** CONNECT of the gateway. */
export const GATEWAY_CONNECT = { clientId: "edge-box", rest: ["gw", "token-gw"] } as const;
