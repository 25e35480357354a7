import { z } from "zod";
import { closestWord } from "./closest-word.ts";

export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
  /** True when the key itself is wrong, not its value. */
  readonly atKey?: boolean;
}

/**
 * Keys that a schema does not name. The schemas of core strip them, since records evolve; in a document that a person wrote, a
 * misspelt `onDelayMs` must not silently become an alarm without a delay.
 */
export function unknownKeys(schema: z.ZodType, value: unknown): readonly Problem[] {
  return walk(parseNode(z.toJSONSchema(schema, { io: "input" })), value, []);
}

const nodeSchema = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  oneOf: z.array(z.unknown()).optional(),
  items: z.unknown().optional(),
  const: z.unknown().optional(),
});
type Node = z.infer<typeof nodeSchema>;

function parseNode(node: unknown): Node {
  return nodeSchema.safeParse(node).data ?? {};
}

function walk(node: Node, value: unknown, path: readonly PropertyKey[]): readonly Problem[] {
  if (Array.isArray(value)) {
    const items = parseNode(node.items);
    return value.flatMap((item, index) => walk(items, item, [...path, index]));
  }
  if (typeof value !== "object" || value === null) return [];
  const { properties = {}, additionalProperties } = alternative(node, value);
  const isRecord = additionalProperties !== undefined;
  return Object.entries(value).flatMap(([key, inner]) => {
    // zod drops this key from records without a word.
    if (key === "__proto__") return [{ path: [...path, key], text: "this name is not allowed", atKey: true }];
    if (Object.hasOwn(properties, key)) return walk(parseNode(properties[key]), inner, [...path, key]);
    if (isRecord) return walk(parseNode(additionalProperties), inner, [...path, key]);
    const known = Object.keys(properties);
    // An object that matches no alternative: the schema says so itself.
    if (known.length === 0) return [];
    return [{ path: [...path, key], text: unknownKeyText(key, known), atKey: true }];
  });
}

/** Of a discriminated union, the alternative whose constants the value has. */
function alternative(node: Node, value: object): Node {
  if (node.oneOf === undefined) return node;
  const fields = new Map(Object.entries(value));
  const match = node.oneOf.map(parseNode).find((option) =>
    Object.entries(option.properties ?? {}).every(([key, property]) => {
      const constant = parseNode(property).const;
      return constant === undefined || fields.get(key) === constant;
    }),
  );
  return match ?? {};
}

/** What to say of a key that is not among the known ones. */
export function unknownKeyText(key: string, known: readonly string[]): string {
  const closest = closestWord(key, known);
  const hint = closest === undefined ? "" : `did you mean "${closest}"? `;
  return `unknown key; ${hint}Allowed: ${known.join(", ")}`;
}
