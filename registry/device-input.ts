import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { DeviceInput } from "../core/registry.ts";
import { idSchema, labelsSchema } from "../core/schemas.ts";
import { isStorable } from "./storable-text.ts";

/** What a caller says about a device. */
export const deviceInputSchema = z.object({
  tenant: idSchema,
  id: idSchema,
  name: z
    .string()
    .max(LIMITS.nameCharactersMax)
    .refine(isStorable, "must not contain U+0000 or half a surrogate pair")
    .optional(),
  type: idSchema.nullable().optional(),
  labels: labelsSchema.optional(),
  gateway: z.boolean().optional(),
  provisions: z.boolean().optional(),
  via: idSchema.nullable().optional(),
});

/** INVALID_INPUT, naming the device, when one does not fit or is named twice. */
export function checkDeviceInputs(devices: readonly DeviceInput[]): void {
  const seen = new Set<string>();
  for (const [index, device] of devices.entries()) {
    const name = `device ${index + 1} (${JSON.stringify(device.id)})`;
    const parsed = deviceInputSchema.safeParse(device);
    if (!parsed.success) throw new MillraceError("INVALID_INPUT", `${name}: ${issueText(parsed.error.issues[0])}`);
    // zod drops this key without a word, and with it the label would vanish between here and the stages.
    if (device.labels !== undefined && Object.hasOwn(device.labels, "__proto__")) {
      throw new MillraceError("INVALID_INPUT", `${name}: labels.__proto__: this name is not allowed`);
    }
    const key = `${device.tenant}/${device.id}`;
    if (seen.has(key)) throw new MillraceError("INVALID_INPUT", `${name}: named twice`);
    seen.add(key);
  }
}

/** `path: what is wrong` of a zod issue; a bad record key is told by what is wrong with the key. */
export function issueText(issue: z.core.$ZodIssue | undefined, withPath = true): string {
  if (issue === undefined) return "not valid";
  const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
  const text = inner ?? issue.message.replace(/^Invalid (input|option): /, "");
  return withPath && issue.path.length > 0 ? `${issue.path.join(".")}: ${text}` : text;
}

/** Without the fields that are not there, which zod may give as undefined. */
export function toDeviceInput(input: z.infer<typeof deviceInputSchema>): DeviceInput {
  const { tenant, id, name, type, labels, gateway, provisions, via } = input;
  return {
    tenant,
    id,
    ...(name === undefined ? {} : { name }),
    ...(type === undefined ? {} : { type }),
    ...(labels === undefined ? {} : { labels }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(provisions === undefined ? {} : { provisions }),
    ...(via === undefined ? {} : { via }),
  };
}
