/** A fault of the platform itself, for the operator. `id` is stable while it lasts. */
export type ReportFault = (id: string, transition: "raised" | "cleared", text: string) => void;
