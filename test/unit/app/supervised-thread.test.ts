import { expect, test, vi } from "vitest";
import { superviseThread } from "../../../app/threads/supervised-thread.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";

test("the fault of a thread that goes on dying says why, and with which commands to take its function out", async () => {
  const faults: string[] = [];
  const thread = superviseThread({
    name: "functions.0",
    stage: "functions",
    functionTimeoutMs: 500,
    functionMemoryMib: 64,
    spawn: () => ({
      worker: { terminate: () => Promise.resolve(0) },
      onEnd: (listener) => void setImmediate(listener, new Error("x".repeat(5000))),
      start: () => Promise.resolve(),
    }),
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics: createMetrics(),
    onFault: (part, event, text) => void faults.push(`${part} ${event} ${text}`),
  });
  await thread.start();
  await vi.waitFor(() => expect(faults).not.toEqual([]));
  await thread.terminate();
  expect(faults[0]).toMatch(
    /^functions\.0 raised the functions\.0 thread has ended 5 times in a row, last because its thread died: x/,
  );
  expect(faults[0]).toMatch(
    /xx: millrace dlq ls names the function; deploy a corrected one, or take it back: millrace rollback NAME, millrace undeploy NAME$/,
  );
  expect(faults[0]?.length).toBeLessThan(600);
});
