import { randomInt } from "node:crypto";
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isMillraceError } from "../../../../core/errors.ts";
import { openSessionStore } from "../../../support/lmdb-session-store.ts";
import { type ChildLine, clientOf, makeCall, type StoreCall, WORKERS } from "./store-call.ts";

/**
 * A process that changes sessions at random, each worker those of one client, and says each call before it is made and when it is
 * answered. It runs until it is killed. The second argument: bytes of a payload at most, and then nothing is ever settled or removed.
 */
const [directory = "", growing = ""] = process.argv.slice(2);
const say = (line: ChildLine): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const store = await openSessionStore({ directory, onFault: (_id, fault) => say({ worker: null, fault }) });
const letter = (): string => String.fromCharCode(97 + randomInt(26));

async function anySequence(worker: number): Promise<number> {
  const queued = await store.queued(clientOf(worker), 0, 20);
  return queued[randomInt(queued.length + 1)]?.sequence ?? 0;
}

async function anyCall(worker: number): Promise<StoreCall> {
  const pick = randomInt(100);
  if (pick < 5) return { kind: "put", filter: `f/${letter()}`, disconnectedAt: pick === 0 ? null : pick };
  if (pick < 6) return { kind: "remove" };
  if (pick < 45) return { kind: "enqueue", text: letter(), bytes: randomInt(5000), qos: pick % 2 === 0 ? 1 : 2 };
  if (pick < 75) return { kind: "settle", sequence: await anySequence(worker) };
  if (pick < 85) return { kind: "release", sequence: await anySequence(worker) };
  if (pick < 90) return { kind: "receive", packetId: 1 + randomInt(9), id: letter() };
  if (pick < 95) return { kind: "complete", packetId: 1 + randomInt(9) };
  return { kind: "retain", level: letter(), text: pick === 95 ? "" : letter() };
}

async function work(worker: number): Promise<never> {
  await store.put({ client: clientOf(worker), subscriptions: [], disconnectedAt: null });
  for (;;) {
    const call: StoreCall =
      growing === ""
        ? await anyCall(worker)
        : { kind: "enqueue", text: letter(), bytes: 1 + randomInt(Number(growing)), qos: 1 };
    say({ worker, call });
    try {
      await makeCall(store, worker, call);
      say({ worker, done: true });
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      say({ worker, refused: error.code });
      // Reading ends no fault. It is refused too when it shares its turn with a write.
      await store.queued(clientOf(worker), 0, 1).catch(() => undefined);
      await sleep(20);
    }
  }
}

await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
