import type { IncomingMessage } from "node:http";
import type { IngestRefusal } from "./ingest-refusals.ts";

/** How much of the bodies of all requests is held at once. */
export interface BodyBudget {
  /** False when there is no room for so many bytes more. */
  hold(bytes: number): boolean;
  release(bytes: number): void;
}

export function createBodyBudget(bytesMax: number): BodyBudget {
  let held = 0;
  return {
    hold(bytes) {
      if (held + bytes > bytesMax) return false;
      held += bytes;
      return true;
    },
    release(bytes) {
      held -= bytes;
    },
  };
}

/**
 * Collects the body, counting what really comes. The caller releases the budget of a body that it gets; of all others it is released
 * here. `lost`: the client went away.
 */
export function collectBody(
  request: IncomingMessage,
  bytesMax: number,
  budget: BodyBudget,
): Promise<Buffer | IngestRefusal | "lost"> {
  const { promise, resolve } = Promise.withResolvers<Buffer | IngestRefusal | "lost">();
  let chunks: Buffer[] = [];
  let bytes = 0;

  function giveUp(reason: IngestRefusal | "lost"): void {
    request.off("data", requestOnData).off("end", requestOnEnd).off("close", requestOnClose);
    budget.release(bytes);
    chunks = [];
    resolve(reason);
  }

  function requestOnData(chunk: Buffer): void {
    if (bytes + chunk.length > bytesMax) return giveUp("body-too-large");
    if (!budget.hold(chunk.length)) return giveUp("bodies-waiting");
    bytes += chunk.length;
    chunks.push(chunk);
  }

  function requestOnEnd(): void {
    if (bytes === 0) return giveUp("body-missing");
    request.off("close", requestOnClose);
    const [first] = chunks;
    resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
  }

  function requestOnClose(): void {
    giveUp("lost");
  }

  request.on("data", requestOnData).on("end", requestOnEnd).on("close", requestOnClose);
  return promise;
}
