import { z } from "zod";
import { FUNCTION_KINDS } from "../../core/function-store.ts";

const outlineSchema = z.object({
  name: z.string(),
  kind: z.enum(FUNCTION_KINDS),
  /** The version and shape (JSON Schema and window, as text) of what it keeps; null of a function that keeps nothing. */
  state: z.object({ version: z.number(), shape: z.string() }).nullable(),
});

/** What is to be known of a function without running it. */
export type FunctionOutline = Readonly<z.infer<typeof outlineSchema>>;

/**
 * What the thread says that has loaded the code: `stack` is of what the code has thrown. The code shares the thread and may have said it in its place, so
 * it is read as anything that comes from outside.
 */
export const checkAnswerSchema = z.union([
  z.object({ functions: z.array(outlineSchema).min(1), keptBytes: z.number().min(0) }),
  z.object({ message: z.string(), remedy: z.string(), stack: z.string() }),
]);
export interface LoadedFunctions {
  readonly functions: readonly FunctionOutline[];
  /** That stay in memory of each time that the code is loaded, on the heap and in buffers. */
  readonly keptBytes: number;
}
export type FunctionCheckAnswer =
  | LoadedFunctions
  | { readonly message: string; readonly remedy: string; readonly stack: string };
