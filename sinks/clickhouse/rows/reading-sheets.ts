import { periodAround, SOURCE_COLUMNS, type Period, type RowSheet, type TableShape } from "../row-sheets.ts";
import { readingBlock } from "./reading-block.ts";
import { SeriesNames } from "./series-names.ts";
import { StagedReadings } from "./staged-readings.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { SourcePosition } from "../../../core/source-position.ts";
import type { DeviceValues, LatestValues } from "./latest-values.ts";

const READINGS: TableShape = {
  table: "readings",
  columns: ["tenant", "device", "metric", "ts", "kind", "number", "text", ...SOURCE_COLUMNS],
  monthly: true,
};

interface OpenMonth extends Period {
  readonly staged: StagedReadings;
}

/** The rows of `readings`, by month: nearly all that comes. They are staged by readings, and become columns when all are there. */
export class ReadingSheets {
  readonly #months = new Map<number, OpenMonth>();
  readonly #names = new SeriesNames();
  #last: OpenMonth | null = null;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** About what `finish` gives. */
  get byteLength(): number {
    let bytes = 0;
    for (const { staged } of this.#months.values()) bytes += staged.byteLength;
    return bytes;
  }

  /** One row per metric; `names` are those of all metrics. */
  add(
    device: DeviceValues,
    names: readonly string[],
    reading: Reading,
    source: SourcePosition,
    derived: boolean,
  ): void {
    const shape = this.#names.shapeOf(device.tenant, names, device.shape);
    device.shape = shape;
    const { staged } = this.#monthOf(reading.ts);
    staged.add(device.number, shape, reading, source);
    if (derived) staged.derived += names.length;
    this.#rows += names.length;
  }

  /** The inserts, and to `latest` the newest value of each series. To be called once, when no reading comes any more. */
  finish(latest: LatestValues): readonly RowSheet[] {
    return [...this.#months.values()].map(({ month, staged }) => {
      const bytes = readingBlock(staged, this.#names, latest);
      staged.giveBack();
      return { shape: READINGS, month, rows: staged.rows, derived: staged.derived, format: "Native", bytes };
    });
  }

  #monthOf(timeMs: number): OpenMonth {
    const last = this.#last;
    if (last !== null && timeMs >= last.from && timeMs < last.to) return last;
    const period = periodAround(timeMs);
    const open = this.#months.get(period.month) ?? { ...period, staged: new StagedReadings() };
    this.#months.set(period.month, open);
    this.#last = open;
    return open;
  }
}
