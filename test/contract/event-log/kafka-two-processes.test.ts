import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { noKafka, openTestKafkaLog, startKafka, type KafkaServers } from "../../support/kafka-servers.ts";
import { at, eventually, text } from "./log-harness.ts";
import type { OpenKafkaLog } from "../../../log/kafka/open-kafka-log.ts";

const JOURNAL = { name: "stage:main", partition: 0 };
const CEILING = { bytesMax: 4 * 1024 ** 2, requiredJournals: ["stage:main"] };
const RECORD = { ...text(""), value: new Uint8Array(100_000) };

describe.skipIf(noKafka !== null)(`one log in two processes (needs ${noKafka ?? "Java and Maven"})`, () => {
  let servers: KafkaServers;
  let keeper: OpenKafkaLog;
  let gateway: OpenKafkaLog;

  beforeAll(async () => {
    servers = await startKafka(1);
    const open = (keepsRetention: boolean): Promise<OpenKafkaLog> =>
      openTestKafkaLog(servers.addresses, createPlatformaticClient, 2, "two.", { ...CEILING, keepsRetention });
    keeper = await open(true);
    gateway = await open(false);
  }, 300_000);
  afterAll(async () => {
    await Promise.all([keeper, gateway].map((log) => log.close(AbortSignal.timeout(5000))));
    await servers.stop();
  });

  async function reach(offset: number, epoch: number): Promise<void> {
    const positions = [at("telemetry", 0, offset), at("telemetry", 1, offset)];
    const entry = { kind: "unit" as const, positions, nextTimer: null, body: new Uint8Array(0) };
    await keeper.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
  }

  it("takes far more than the ceiling while what was read is deleted elsewhere, and no more when nothing is read", async () => {
    const { epoch } = await keeper.claim(JOURNAL);
    await reach(1_000_000, epoch);
    for (let count = 0; count < 120; count++) {
      await eventually("an append", () => gateway.append("telemetry", 0, [RECORD]).catch(() => false as const));
    }
    await reach(120, epoch);
    let refused: unknown = null;
    for (let count = 0; count < 100 && refused === null; count++) {
      refused = await gateway.append("telemetry", 0, [RECORD]).then(
        () => null,
        (error: unknown) => error,
      );
    }
    expect(refused).toMatchObject({ code: "LOG_FULL" });
    await reach(1_000_000, epoch);
    await eventually("room", () => gateway.append("telemetry", 0, [RECORD]).catch(() => false as const));
  });

  it("is as full to who kept the retention before as to who keeps it now", async () => {
    const open = { ...CEILING, keepsRetention: true };
    const third = await openTestKafkaLog(servers.addresses, createPlatformaticClient, 2, "two.", open);
    try {
      const bytes = async (log: OpenKafkaLog): Promise<number> => (await log.status()).bytes;
      for (let count = 0; count < 5; count++) {
        const before = await bytes(third);
        await eventually("an append", () => gateway.append("telemetry", 1, [RECORD]).catch(() => false as const));
        await eventually("seen", async () => (await bytes(third)) !== before);
      }
      await eventually("learned", async () => (await bytes(keeper)) === (await bytes(third)));
    } finally {
      await third.close(AbortSignal.timeout(5000));
    }
  });

  it("fences the owner in one process when another claims, and counts nothing that it writes then", async () => {
    const journal = { name: "stage:main", partition: 1 };
    const entry = (name: string) => {
      const body = new TextEncoder().encode(name);
      return { kind: "unit" as const, positions: [at("telemetry", 1, 1)], nextTimer: null, body };
    };
    const old = await gateway.claim(journal);
    await gateway.commit({ journal, epoch: old.epoch, entry: entry("first"), outputs: [] });
    const owner = await keeper.claim(journal);
    expect(owner.entries.map(({ body }) => new TextDecoder().decode(body))).toEqual(["first"]);
    const late = gateway.commit({ journal, epoch: old.epoch, entry: entry("late"), outputs: [] });
    await expect(late).rejects.toMatchObject({ code: "JOURNAL_FENCED", retry: "restore" });
    await keeper.commit({ journal, epoch: owner.epoch, entry: entry("second"), outputs: [] }).catch(() => undefined);
    const next = await keeper.claim(journal);
    const names = next.entries.map(({ body }) => new TextDecoder().decode(body));
    expect(names[0]).toBe("first");
    expect(names).not.toContain("late");
  });

  it("gives who comes back what counts since, and not what a third process wrote after it was fenced", async () => {
    const journal = { name: "stage:other", partition: 0 };
    const commitAs = async (log: OpenKafkaLog, epoch: number, name: string): Promise<void> => {
      const positions = [at("telemetry", 0, 1)];
      const entry = { kind: "unit" as const, positions, nextTimer: null, body: new TextEncoder().encode(name) };
      await log.commit({ journal, epoch, entry, outputs: [] });
    };
    const third = await openTestKafkaLog(servers.addresses, createPlatformaticClient, 2, "two.", CEILING);
    const zombie = await third.claim(journal);
    const { epoch, mark } = await gateway.claim(journal);
    if (mark === null) throw new Error("the journal is not damaged");
    await commitAs(gateway, epoch, "mine");
    await expect(commitAs(third, zombie.epoch, "late")).rejects.toMatchObject({ code: "JOURNAL_FENCED" });
    const other = await keeper.claim(journal);
    await commitAs(keeper, other.epoch, "theirs");
    const back = await gateway.claim(journal, { mark, commits: 1 });
    expect(back).toMatchObject({ isTail: true, damaged: false });
    expect(back.entries.map(({ body }) => new TextDecoder().decode(body))).toEqual(["theirs"]);
    // To another process the mark says nothing.
    expect(await third.claim(journal, { mark, commits: 1 })).toMatchObject({ isTail: false });
    await third.close(AbortSignal.timeout(5000));
  });
});
