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
  up(trx: Transaction<Tables>, types: ColumnTypes): Promise<void>;
}
