import { expect, it, onTestFinished } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createNotifySink } from "../../../sinks/notify/notify-sink.ts";
import { alarmEvent, notifyFixture, until } from "./notify-fixture.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

const FAILURES = 3;

it("an outbox that cannot be read is said once, and once that it can be again; what waited is delivered", async () => {
  const hook = await startWebhookReceiver();
  onTestFinished(() => hook.close());
  const { log, registry, options } = notifyFixture([hook.url]);
  const { outbox } = registry;
  const said: string[] = [];
  let looks = 0;
  const sink = createNotifySink({
    ...options,
    outbox: {
      ...outbox,
      due: async (...asked) => {
        looks += 1;
        if (looks <= FAILURES) throw new MillraceError("DISK_FULL", "no space is left");
        return await outbox.due(...asked);
      },
    },
    logger: {
      ...silentLogger,
      warn: (fields, text) => said.push(`${text}: ${"cause" in fields ? String(fields.cause) : ""}`),
      info: (_fields, text) => said.push(text),
    },
  });
  onTestFinished(() => sink.stop(AbortSignal.abort()));
  log.putAlarm(0, alarmEvent("a1"), 1);
  await sink.start();
  await until(() => registry.rows.get("a1:raised")?.state === "delivered");
  expect(said.filter((text) => text.includes("outbox"))).toEqual([
    expect.stringMatching(/^the notification outbox cannot be read; trying again: .*no space is left/),
    "over: the notification outbox cannot be read",
  ]);
});
