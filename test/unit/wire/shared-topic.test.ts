import { expect, test } from "vitest";
import { SharedTopic } from "../../../wire/shared-topic.ts";

test("a topic of the same name is one copy, whatever becomes of the bytes that it came in", () => {
  const topics = new SharedTopic();
  const read = Buffer.from("v1/devices/me/telemetry");
  const first = topics.copyOf(read);
  expect(topics.copyOf(Buffer.from("v1/devices/me/telemetry"))).toBe(first);
  read.fill(0);
  expect(first.toString()).toBe("v1/devices/me/telemetry");
});

test("another topic leaves the one before as it is", () => {
  const topics = new SharedTopic();
  const first = topics.copyOf(Buffer.from("millrace/acme/a/telemetry"));
  const second = topics.copyOf(Buffer.from("millrace/acme/b/telemetry"));
  expect([first.toString(), second.toString()]).toEqual(["millrace/acme/a/telemetry", "millrace/acme/b/telemetry"]);
});
