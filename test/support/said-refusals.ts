import { silentLogger, type Logger } from "../../core/logger.ts";

/** A logger, and what it was given in this field by each line that tells of a refusal. */
export function saidRefusals(): { readonly logger: Logger; said(field: string): readonly unknown[] } {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const info = (fields: object): void => void lines.push({ ...fields });
  return {
    logger: { ...silentLogger, info },
    said: (field) => lines.filter((line) => "reason" in line).map((line) => line[field]),
  };
}
