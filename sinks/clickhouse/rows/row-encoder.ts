import type { SourcePosition } from "../../../core/source-position.ts";
import type { RowSheets } from "../row-sheets.ts";
import type { LatestValues } from "./latest-values.ts";

export interface RowTarget {
  readonly sheets: RowSheets;
  readonly latest: LatestValues;
}

/** Writes the rows of one record of a derived topic. False, with nothing written, when the value does not have the topic's shape. */
export type RowEncoder = (value: unknown, source: SourcePosition, target: RowTarget) => boolean;
