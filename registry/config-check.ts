import { MillraceError } from "../core/errors.ts";
import type { ConfigDocument } from "../core/registry.ts";
import { checkDeviceInputs, issueText } from "./device-input.ts";
import { ALARM_RULES, DEVICE_TYPES, REFERENCE_TABLES, type DefinitionKind } from "./definitions.ts";

/**
 * What can be said of a document without the registry: shapes, repeated ids, ranges. INVALID_INPUT names the item.
 * Returns it with defaults filled in.
 */
export function checkConfigDocument(config: ConfigDocument): ConfigDocument {
  const types = checkDefinitions(DEVICE_TYPES, config.types);
  const rules = checkDefinitions(ALARM_RULES, config.rules);
  const tables = checkDefinitions(REFERENCE_TABLES, config.tables ?? []);
  checkDeviceInputs(config.devices);
  for (const type of types) {
    for (const [metric, { min, max }] of Object.entries(type.metrics)) {
      if (min === undefined || max === undefined || min <= max) continue;
      throw new MillraceError("INVALID_INPUT", `type "${type.id}": metric "${metric}": min ${min} is above max ${max}`);
    }
  }
  return { types, rules, tables, devices: config.devices };
}

function checkDefinitions<T extends { readonly tenant: string; readonly id: string }>(
  kind: DefinitionKind<T>,
  definitions: readonly T[],
): readonly T[] {
  const seen = new Set<string>();
  return definitions.map((definition, index) => {
    const name = `${kind.noun} ${index + 1} (${JSON.stringify(definition.id)})`;
    const parsed = kind.schema.safeParse(definition);
    if (!parsed.success) throw new MillraceError("INVALID_INPUT", `${name}: ${issueText(parsed.error.issues[0])}`);
    if (hasProtoKey(definition)) {
      throw new MillraceError("INVALID_INPUT", `${name}: "__proto__" is not allowed as a name`);
    }
    const key = `${definition.tenant}/${definition.id}`;
    if (seen.has(key)) throw new MillraceError("INVALID_INPUT", `${name}: named twice`);
    seen.add(key);
    return parsed.data;
  });
}

/** zod drops an own `__proto__` key without a word: a metric or label of that name would vanish. */
function hasProtoKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "__proto__") || Object.values(value).some(hasProtoKey);
}
