import { z } from "zod";
import { ID_PATTERN } from "../core/ids.ts";

/** What of JSON Schema zod's shapes in core come to. */
interface Shape {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Shape | false;
}

/** Rows of a table of a record's fields, those of objects in it with dotted names: field, type, meaning. */
export function schemaRows(schema: z.ZodType, comments: ReadonlyMap<string, string>): string[][] {
  return fieldRows(z.toJSONSchema(schema, { io: "output" }) as Shape, "", comments);
}

function fieldRows(shape: Shape, prefix: string, comments: ReadonlyMap<string, string>): string[][] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, field]) => {
    const isOptional = !(shape.required?.includes(name) ?? false);
    const row = [`\`${prefix}${name}\``, typeText(field) + (isOptional ? ", optional" : ""), comments.get(name) ?? ""];
    const inner = innerShapes(field).flatMap((shape) => fieldRows(shape, `${prefix}${name}.`, comments));
    const { additionalProperties: one } = field;
    const entry = typeof one === "object" ? fieldRows(one, `${prefix}${name}.NAME.`, comments) : [];
    return [row.map(escaped), ...inner, ...entry];
  });
}

/** The objects that a field holds once. What it holds many of has a table elsewhere. */
function innerShapes(field: Shape): readonly Shape[] {
  if (field.properties !== undefined) return [field];
  return (field.oneOf ?? []).filter(({ properties }) => properties !== undefined);
}

function typeText(shape: Shape): string {
  if (shape.const !== undefined) return `\`${JSON.stringify(shape.const)}\``;
  if (shape.enum !== undefined) return shape.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  if (shape.anyOf !== undefined) return shape.anyOf.map(typeText).join(" or ");
  if (shape.oneOf !== undefined) return [...new Set(shape.oneOf.map(typeText))].join(" or ");
  if (shape.pattern === ID_PATTERN.source) return "id";
  if (shape.type === "array") return `list of ${typeText(shape.items ?? {})}`;
  if (typeof shape.additionalProperties === "object") return `map of name to ${typeText(shape.additionalProperties)}`;
  return typeof shape.type === "string" ? shape.type : (shape.type?.join(" or ") ?? "any");
}

function escaped(cell: string): string {
  return cell.replaceAll("|", String.raw`\|`);
}
