import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { isMillraceError, MillraceError } from "../../../core/errors.ts";
import { receiveError, transferError } from "../../../log/embedded/connection-messages.ts";

describe("an error of the log's writer, in another thread", () => {
  it("keeps its code and remedy", () => {
    const error = receiveError(transferError(new MillraceError("LOG_FULL", "full", { remedy: "Make room." })));
    expect(error).toMatchObject({ code: "LOG_FULL", retry: "later", remedy: "Make room." });
  });

  it("that is a programmer's is none to retry, and tells where it arose", () => {
    const defect = new TypeError("not a function");
    const error = receiveError(transferError(defect));
    expect(isMillraceError(error)).toBe(false);
    expect(error.stack).toBe(defect.stack);
  });

  it("that is a programmer's ends the writer's thread", async () => {
    const { port1, port2 } = new MessageChannel();
    const source = `
      import { workerData } from "node:worker_threads";
      import { serveConnection } from ${JSON.stringify(new URL("../../../log/embedded/serve-connection.ts", import.meta.url).href)};
      const writer = { status: () => null.length };
      serveConnection(workerData.port, writer, () => undefined);
      workerData.port.ref();`;
    const module = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const worker = new Worker(module, { workerData: { port: port2 }, transferList: [port2] });
    const crashed = once(worker, "error");
    port1.postMessage([{ id: 1, call: { kind: "status" } }]);
    const [crash] = await crashed;
    expect(crash).toBeInstanceOf(TypeError);
    port1.close();
  });
});
