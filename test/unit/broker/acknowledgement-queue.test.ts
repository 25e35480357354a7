import fc from "fast-check";
import { expect, test } from "vitest";
import { createAcknowledgementQueue } from "../../../broker/acknowledgement-queue.ts";

test("whatever the order of settling, acknowledgements come in order and stop at the first refusal", () => {
  const scenario = fc.array(fc.record({ accepted: fc.boolean(), rank: fc.nat() }), { maxLength: 30 });
  fc.assert(
    fc.property(scenario, (messages) => {
      const queue = createAcknowledgementQueue();
      const told: string[] = [];
      const places = messages.map((_, index) => queue.enter(() => told.push(`ack ${index}`)));
      const order = messages.map(({ rank }, index) => ({ rank, index })).sort((a, b) => a.rank - b.rank);
      for (const { index } of order) {
        if (messages[index]?.accepted === true) places[index]?.accept();
        else places[index]?.refuse(() => told.push(`refuse ${index}`));
      }
      const firstRefused = messages.findIndex(({ accepted }) => !accepted);
      const acknowledged = firstRefused === -1 ? messages.length : firstRefused;
      const expected = Array.from({ length: acknowledged }, (_, index) => `ack ${index}`);
      expect(told).toEqual(firstRefused === -1 ? expected : [...expected, `refuse ${firstRefused}`]);
    }),
  );
});

test("a message that waits for an earlier one is acknowledged in the same turn as that one", () => {
  const queue = createAcknowledgementQueue();
  const told: number[] = [];
  const [first, second] = [queue.enter(() => told.push(1)), queue.enter(() => told.push(2))];
  second.accept();
  expect(told).toEqual([]);
  first.accept();
  expect(told).toEqual([1, 2]);
});
