import { expect, it } from "vitest";
import { notificationId, parseNotificationId } from "../../../core/notification-ids.ts";

it.each([
  ["t/alarm raised", null],
  ["t/alarm raised", "0123456789ab"],
  ["platform:a@b:5:raised", null],
  ["platform:a@b:5:raised", "0123456789ab"],
])("%s of %s comes back from its row's id", (id, addressee) => {
  expect(parseNotificationId(notificationId(id, addressee))).toEqual({ id, addressee });
});
