import { labelsSchema } from "../core/schemas.ts";

/** Labels from their column. */
export function parseLabels(json: string): Record<string, string> {
  return labelsSchema.parse(JSON.parse(json));
}
