import type { StateSlots } from "../core/function.ts";

/** What keeps something until a timer: windows of a kind, or the state of a device. */
export type KeptKind = "aligned" | "session" | "sliding" | "state";

/** Of which kind a timer is. */
export function kindOfTimer(name: string): KeptKind {
  if (name === "ttl" || name.startsWith("own/")) return "state";
  if (name === "expiry") return "sliding";
  return name.includes("/") ? "aligned" : "session";
}

/**
 * A timer of a version that kept another kind: what it was set for is let go. It has no result, since nobody knows any more what
 * that would be.
 */
export function forgetOther(timer: string, state: Pick<StateSlots<unknown>, "delete" | "names">): void {
  switch (kindOfTimer(timer)) {
    case "aligned":
      // Early results have timers of their own: the last one tells the end.
      if (!timer.startsWith("early/")) state.delete(`w/${timer}`);
      return;
    case "session":
      state.delete(`s/${timer}`);
      return;
    case "sliding":
      for (const name of state.names()) if (name.startsWith("p/")) state.delete(name);
      return;
    case "state":
      if (timer === "ttl") state.delete("state");
  }
}
