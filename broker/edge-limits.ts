import type { EdgeLimitName } from "../core/edge-limits.ts";
import type { Limits } from "../core/limits.ts";

/** The ceilings that the edge holds its peers to. */
export type EdgeLimits = Pick<Limits, EdgeLimitName>;
