/** The faults that a part reports of itself, as they stand. */
export interface FaultBoard {
  report(id: string, transition: "raised" | "cleared", text: string): void;
  texts(): readonly string[];
}

export function createFaultBoard(): FaultBoard {
  const standing = new Map<string, string>();
  return {
    report(id, transition, text) {
      if (transition === "raised") standing.set(id, text);
      else standing.delete(id);
    },
    texts: () => [...standing.values()],
  };
}
