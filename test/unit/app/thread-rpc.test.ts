import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { callThread, serveThread } from "../../../app/thread-rpc.ts";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import type { MessagePort } from "node:worker_threads";

type Api = {
  double(n: number): number;
  refuse(): void;
  hang(): Promise<void>;
};

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function pair(): { here: MessagePort; there: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1);
  return { here: port1, there: port2 };
}

function serve(port: MessagePort): void {
  const api: Api = {
    double: (n) => 2 * n,
    refuse() {
      throw new MillraceError("NOT_FOUND", "nothing there", { remedy: "Look elsewhere." });
    },
    hang: () => new Promise(() => undefined),
  };
  serveThread(port, api, silentLogger);
}

describe("a call to another thread", () => {
  it("gives the result, and errors with their code and remedy", async () => {
    const { here, there } = pair();
    serve(there);
    const call = callThread<Api>(here, "other");
    expect(await call("double", 21)).toBe(42);
    await expect(call("refuse")).rejects.toMatchObject({ code: "NOT_FOUND", remedy: "Look elsewhere." });
  });

  it("ends with TIMED_OUT, which names thread and call, when nobody answers", async () => {
    const { here, there } = pair();
    serve(there);
    const call = callThread<Api>(here, "other", { hang: 30 });
    await expect(call("hang")).rejects.toMatchObject({
      code: "TIMED_OUT",
      message: "the other thread has not answered hang within 30 ms",
    });
    expect(await call("double", 1)).toBe(2);
  });

  it("ends with THREAD_ENDED when the thread ends, and at once afterwards", async () => {
    const { here, there } = pair();
    serve(there);
    const call = callThread<Api>(here, "other");
    const hanging = call("hang");
    there.close();
    await expect(hanging).rejects.toMatchObject({ code: "THREAD_ENDED", message: "the other thread has ended" });
    await expect(call("double", 1)).rejects.toMatchObject({ code: "THREAD_ENDED" });
  });

  it("that meets a programmer's error carries its stack here and ends the thread there", async () => {
    const { here, there } = pair();
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const source = `
      import { workerData } from "node:worker_threads";
      import { serveThread } from ${url("../../../app/thread-rpc.ts")};
      import { silentLogger } from ${url("../../../core/logger.ts")};
      const defective = { refuse() { null.length; } };
      serveThread(workerData.port, defective, silentLogger);`;
    const module = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const worker = new Worker(module, { workerData: { port: there }, transferList: [there] });
    const ended = once(worker, "error");
    const error: unknown = await callThread<Api>(here, "other")("refuse").catch((reason: unknown) => reason);
    expect(error).not.toBeInstanceOf(MillraceError);
    expect((error as Error).message).toMatch(/null/);
    expect((error as Error).stack).toContain("refuse");
    const [crash] = await ended;
    expect(crash).toBeInstanceOf(TypeError);
  });
});
