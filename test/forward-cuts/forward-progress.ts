import { eventually } from "../support/stage-on-log.ts";
import type { Overview } from "../../core/overview.ts";
import type { ForwardPair, Side } from "./forward-pair.ts";

/** A sample of `/metrics` by its name with its labels; NaN when there is none. */
export async function forwardFigure({ api }: Side, name: string): Promise<number> {
  const line = (await api.metrics()).split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? "NaN");
}

/** Nothing waits at the edge, neither for its stage nor for the link. */
export async function isForwarded({ api }: Side): Promise<boolean> {
  const { hops, ledger } = await api.get<Overview>("/overview");
  const isBehind = hops.some(({ name, lag }) => (name === "processors" || name === "forward") && lag > 0);
  return !isBehind && ledger.messages.inFlight === 0;
}

/** Waits until what the edge has is upstream, and has been through the stage there. */
export async function caughtUp({ edge, cloud }: ForwardPair, withinMs: number): Promise<void> {
  await eventually(() => isForwarded(edge).catch(() => false), withinMs);
  await eventually(async () => {
    const { ledger } = await cloud.api.get<Overview>("/overview");
    return ledger.messages.inFlight === 0;
  }, withinMs);
}

/** What `/readyz` says; empty when the installation is ready. */
export async function unreadyReasons({ instance }: Side): Promise<readonly string[]> {
  const response = await fetch(`${instance?.httpUrl}/readyz`);
  const { reasons = [] }: { readonly reasons?: readonly string[] } = JSON.parse(await response.text());
  return reasons;
}
