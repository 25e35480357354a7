import { expect, test } from "vitest";
import { textBreach, topicFilterBreach, topicNameBreach } from "../../../wire/mqtt-text.ts";

const LIMITS = { mqttTopicBytesMax: 32, mqttTopicLevelsMax: 4 };
const of = (check: typeof topicNameBreach, text: string): string | null => {
  const bytes = Buffer.from(`x${text}x`);
  return check(bytes, 1, bytes.length - 1, LIMITS);
};

test.each(["a", "Ünïcödé", "日本", "\u{1f600}", "\ufeffmark", "a b", "~", "\u00a0", "\ue000"])("%j is text", (text) => {
  const bytes = Buffer.from(text);
  expect(textBreach(bytes, 0, bytes.length)).toBeNull();
});

test.each(["\u0000", "\u0001", "\u001f", "\u007f", "\u0080", "\u009f", "\ufdd0", "\ufdef", "\ufffe", "\u{1ffff}"])(
  "%j is refused",
  (text) => {
    const bytes = Buffer.from(`a${text}`);
    expect(textBreach(bytes, 0, bytes.length)).toBe("character-refused");
  },
);

test.each([[[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xe2, 0x82]], [[0x80]]])(
  "bytes %j are no UTF-8",
  (bytes) => {
    expect(textBreach(Uint8Array.from(bytes), 0, bytes.length)).toBe("utf8-invalid");
  },
);

test.each(["#", "+", "a/#", "+/+", "a/+/b", "/+", "+/", "//", "a//#", "$SYS/#"])("%j is a filter", (filter) => {
  expect(of(topicFilterBreach, filter)).toBeNull();
});

test.each(["a#", "#/a", "a/#/b", "##", "a+", "+a", "a/b+/c", "++", "+#", "a/+#"])("%j is no filter", (filter) => {
  expect(of(topicFilterBreach, filter)).toBe("filter-syntax");
});

test("a topic name has neither wildcards nor more bytes or levels than the limits, and is not empty", () => {
  expect(of(topicNameBreach, "a/b/c/d")).toBeNull();
  expect(of(topicNameBreach, "a/+")).toBe("topic-wildcard");
  expect(of(topicNameBreach, "a/b/c/d/e")).toBe("topic-too-deep");
  expect(of(topicNameBreach, "x".repeat(33))).toBe("topic-too-long");
  expect(of(topicNameBreach, "")).toBe("topic-empty");
});
