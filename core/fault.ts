export type FaultTransition = "raised" | "cleared";

/** Tells of a fault of the platform itself, for the operator: when it begins and when it is over. `id` is stable while it lasts. */
export type ReportFault = (id: string, transition: FaultTransition, text: string) => void;
