import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import { idSchema } from "../core/schemas.ts";
import type { ClientMessage } from "./live-protocol.ts";

const watchSchema = z.object({
  type: z.literal("watch"),
  id: z.int().nonnegative(),
  overview: z.boolean(),
  alarms: z.boolean(),
  devices: z.array(idSchema),
  device: idSchema.nullable(),
});

/** A browser's message. INVALID_INPUT when it is none, LIMIT_EXCEEDED when it watches too much. */
export function parseClientMessage(text: string, watchedDevicesMax: number): ClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MillraceError("INVALID_INPUT", "The message is not JSON.", { cause });
  }
  const parsed = watchSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new MillraceError("INVALID_INPUT", `${issue?.path.join(".") || "message"}: ${issue?.message ?? "invalid"}`);
  }
  if (parsed.data.devices.length > watchedDevicesMax) {
    throw new MillraceError("LIMIT_EXCEEDED", `At most ${watchedDevicesMax} devices can be watched at once.`);
  }
  return parsed.data;
}
