import type { ColumnDataType, Expression, Transaction } from "kysely";
import type { Tables } from "../schema.ts";

/** What the engines name differently. PostgreSQL orders plain text by the database's locale; ours needs byte order. */
export interface ColumnTypes {
  readonly text: ColumnDataType | Expression<unknown>;
}

/** One numbered step of the table layout. Once released it never changes; a later step corrects it. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  /**
   * The oldest release that may run beside the new layout, by the newest migration that it knows: of a step that only adds what older
   * statements do not notice. Absent: no older release starts on it.
   */
  readonly oldestBeside?: number;
  up(trx: Transaction<Tables>, types: ColumnTypes): Promise<void>;
}
