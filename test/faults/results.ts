import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/** One line of a results file. Of a run that could not be judged there is the error in place of figures. */
const resultSchema = z.looseObject({
  seed: z.string(),
  client: z.string(),
  ok: z.boolean(),
  wrong: z.array(z.string()),
});
export type Result = z.infer<typeof resultSchema>;

export function readResults(file: string): Result[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => resultSchema.parse(JSON.parse(line)));
}

export function addResult(file: string, result: Result): void {
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}
