import { RowSheets } from "../row-sheets.ts";
import { LatestValues } from "./latest-values.ts";
import { ReadingSheets } from "./reading-sheets.ts";
import type { SourcePosition } from "../../../core/source-position.ts";

export interface RowTarget {
  readonly sheets: RowSheets;
  readonly latest: LatestValues;
  readonly readings: ReadingSheets;
}

export function newRowTarget(): RowTarget {
  return { sheets: new RowSheets(), latest: new LatestValues(), readings: new ReadingSheets() };
}

/** Writes the rows of one record of a derived topic. False, with nothing written, when the value does not have the topic's shape. */
export type RowEncoder = (value: unknown, source: SourcePosition, target: RowTarget) => boolean;
