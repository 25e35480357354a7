/** `happened`: once and for good, such as a loss; there is nothing to clear. */
export type FaultTransition = "raised" | "cleared" | "happened";

/** Tells of a fault of the platform itself, for the operator: when it begins and when it is over. `id` is stable while it lasts. */
export type ReportFault = (id: string, transition: FaultTransition, text: string) => void;
