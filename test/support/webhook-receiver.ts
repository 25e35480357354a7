import { z } from "zod";
import { startWebhookReceiver } from "../unit/sinks-notify/webhook-receiver.ts";

const alarmMessageSchema = z.object({
  kind: z.literal("alarm"),
  alarm: z.object({ id: z.string(), transition: z.enum(["raised", "cleared"]) }),
});

/** A receiver that knows which transitions of which alarms it has been told. */
export interface AlarmReceiver {
  readonly url: string;
  /** `id transition`, each once, sorted. */
  transitions(): string[];
  /** How many alarm messages came, repeats included. */
  readonly messages: number;
  close(): Promise<void>;
}

export async function startAlarmReceiver(): Promise<AlarmReceiver> {
  const receiver = await startWebhookReceiver();
  const told = (): string[] =>
    receiver.received.flatMap(({ body }) => {
      const message = alarmMessageSchema.safeParse(JSON.parse(body));
      return message.success ? [`${message.data.alarm.id} ${message.data.alarm.transition}`] : [];
    });
  return {
    url: receiver.url,
    transitions: () => [...new Set(told())].sort(),
    get messages() {
      return told().length;
    },
    close: () => receiver.close(),
  };
}
