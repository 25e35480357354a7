import type { Edit } from "../support/broken-source.ts";

export const BROKEN_NAMES = ["append-after-ack"] as const;
export type BrokenName = (typeof BROKEN_NAMES)[number];

export const BREAKS: Readonly<Record<BrokenName, readonly Edit[]>> = {
  // The PUBACK leaves when the log has taken the message, not when it is durable.
  "append-after-ack": [
    {
      file: "broker/message-window.ts",
      text: `    if (run.answers === 0) {
      run.firstAnswer = answerOf(message);`,
      broken: `    this.#outcomes.messagesLanded(encodeAnswer(answerOf(message), message.packetId), NONE_ROUTED);
    if (run.messages > 0) return;
    if (run.answers === 0) {
      run.firstAnswer = answerOf(message);`,
    },
  ],
};
