import type { Edit } from "../support/broken-source.ts";

export const BROKEN_NAMES = ["append-after-ack"] as const;
export type BrokenName = (typeof BROKEN_NAMES)[number];

export const BREAKS: Readonly<Record<BrokenName, readonly Edit[]>> = {
  // The PUBACK leaves when the log has taken the message, not when it is durable.
  "append-after-ack": [
    {
      file: "broker/message-window.ts",
      text: `    this.#answers.push(answerOf(message), message.packetId);
    run.answers += 1;`,
      broken: `    this.#answers.push(answerOf(message), message.packetId);
    run.answers += 0;
    this.#outcomes.messagesLanded(this.#answers.take(1), []);`,
    },
  ],
};
