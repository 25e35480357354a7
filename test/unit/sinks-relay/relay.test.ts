import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { badRecordsFile } from "../../../sinks/relay/bad-records-file.ts";
import { holdBadRecords } from "../../../sinks/relay/hold-bad-records.ts";
import { temporaryDirectory } from "../../support/instance.ts";
import { fakePartition, foreign, relayed, relayFixture } from "./relay-fixture.ts";

const values = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => relayed(from + n, "a", String(from + n)));
const told = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `0:a ${from + n}`);

describe("a relay", () => {
  const directory = temporaryDirectory();
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  function begin(bad = holdBadRecords(silentLogger), ...partitions: readonly ReturnType<typeof fakePartition>[]) {
    const fixture = relayFixture(bad);
    for (const { owned } of partitions) {
      fixture.relay.take(owned);
      ends.push(() => fixture.relay.release(owned.partition));
    }
    return fixture;
  }

  it("brings a partition upstream in order, one envelope at a time, and commits behind each", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(100);
    const { told: got, upstream, figure } = begin(undefined, topic);
    await expect.poll(() => topic.state.committed).toBe(100);
    expect(got).toEqual(told(100));
    expect(topic.state.commits).toEqual([48, 96, 100]);
    expect(upstream.mostUnderWay).toBe(1);
    topic.state.records.push(...values(5, 100));
    await expect.poll(() => topic.state.committed).toBe(105);
    expect(got).toEqual(told(105));
    expect(figure("millrace_relay_messages_total")).toBe(105);
  });

  it("shows the circuit breaker of each partition, and that of one that it no longer has as closed", async () => {
    const topics = [fakePartition(0), fakePartition(1)];
    const { relay, upstream, breakers } = begin(undefined, ...topics);
    upstream.failure = "it refuses";
    upstream.failsOnly = 0;
    for (const topic of topics) topic.state.records = values(3);
    await expect.poll(() => topics[1]?.state.committed).toBe(3);
    await expect.poll(breakers).toEqual({ "upstream of partition 0": 2, "upstream of partition 1": 0 });
    await relay.release(0);
    expect(breakers()).toEqual({ "upstream of partition 0": 0, "upstream of partition 1": 0 });
  });

  it("goes on where the group stands, and sends again what was not committed", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(60);
    topic.state.committed = 50;
    const first = begin(undefined, topic);
    await expect.poll(() => topic.state.committed).toBe(60);
    expect(first.told).toEqual(told(10, 50));
    // Acknowledged, and then Kafka does not take the commit: it comes again.
    topic.state.records.push(...values(3, 60));
    topic.state.failure = null;
    const commit = vi.spyOn(topic.owned, "commit").mockRejectedValueOnce(new MillraceError("LOG_IO", "it is away"));
    await expect.poll(() => topic.state.committed, { timeout: 5000 }).toBe(63);
    expect(commit).toHaveBeenCalledTimes(2);
    expect(first.told).toEqual([...told(10, 50), ...told(3, 60), ...told(3, 60)]);
    expect(topic.state.readers).toBe(1);
  });

  it("waits for an upstream that is away, says so, and loses nothing", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(3);
    const { relay, upstream, told: got, said } = relayFixture(holdBadRecords(silentLogger));
    upstream.failure = "mqtt://cloud is away";
    relay.take(topic.owned);
    ends.push(() => relay.release(0));
    const text = /^Nothing of partition 0 is relayed from offset 0 on: mqtt:\/\/cloud is away\./;
    await expect.poll(() => relay.notReadyReasons()).toEqual([expect.stringMatching(text)]);
    expect(said.join("\n")).toMatch(/"fault":"forward-upstream","transition":"raised"/);
    expect([topic.state.committed, got]).toEqual([0, []]);
    upstream.failure = null;
    await expect.poll(() => topic.state.committed, { timeout: 5000 }).toBe(3);
    expect(relay.notReadyReasons()).toEqual([]);
    expect(got).toEqual(told(3));
  });

  it("stands before what cannot be relayed, for as long as nobody decides, and says so; others go on", async () => {
    const [stands, goes] = [fakePartition(0), fakePartition(1)];
    stands.state.records = [relayed(0, "a", "0"), foreign(1), relayed(2, "a", "2")];
    goes.state.records = [relayed(0, "b", "1")];
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (_: object, text: string) => void errors.push(text) };
    const { relay, told: got } = begin(holdBadRecords(logger), stands, goes);
    await expect.poll(() => relay.notReadyReasons()).toHaveLength(1);
    await expect.poll(() => goes.state.committed).toBe(1);
    expect(relay.notReadyReasons()).toEqual([
      "partition 0 stands before offset 1, which cannot be relayed: a forwarded message does not say where it comes from",
    ]);
    expect(errors).toEqual([expect.stringMatching(/Partition 0 stands before offset 1.*--skip-bad FILE/)]);
    expect(stands.state.committed).toBe(1);
    await relay.release(0);
    expect(stands.state.committed).toBe(1);
    expect(got.toSorted()).toEqual(["0:a 0", "1:b 1"]);
  });

  it("writes what cannot be relayed into a file, before it commits, where it is told to", async () => {
    const path = join(directory.path, "bad.jsonl");
    const topic = fakePartition(0);
    topic.state.records = [relayed(0, "a", "0"), foreign(1), relayed(2, "a", "2")];
    topic.state.corruptAt = 3;
    topic.state.records.push(relayed(4, "a", "4"));
    const { told: got, relay, figure } = begin(badRecordsFile(path, "edges", silentLogger), topic);
    await expect.poll(() => topic.state.committed).toBe(5);
    expect(got).toEqual(["0:a 0", "0:a 2", "0:a 4"]);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        topic: "edges",
        partition: 0,
        offset: 1,
        nextOffset: 2,
        reason: "a forwarded message does not say where it comes from",
        key: "k",
        headers: [],
        value: Buffer.from("hello").toString("base64"),
      },
      { topic: "edges", partition: 0, offset: 3, nextOffset: 4, reason: expect.stringMatching(/checksum/) },
    ]);
    expect(relay.notReadyReasons()).toEqual([]);
    expect(figure("millrace_relay_skipped_total")).toBe(2);
  });

  it("does not pass over what it cannot write into the file", async () => {
    const path = join(directory.path, "no-such-folder", "bad.jsonl");
    const topic = fakePartition(0);
    topic.state.records = [foreign(0), relayed(1, "a", "1")];
    const { said, told: got, relay } = begin(badRecordsFile(path, "edges", silentLogger), topic);
    await expect.poll(() => said.join("\n"), { timeout: 5000 }).toMatch(/cannot be written: ENOENT/);
    expect([topic.state.committed, got]).toEqual([null, []]);
    expect(relay.notReadyReasons()).toEqual([expect.stringMatching(/stands before offset 0/)]);
    rmSync(directory.path, { recursive: true, force: true });
  });

  it("counts and says what retention has deleted before it came to it, also while it runs", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(10);
    topic.state.committed = 2;
    topic.state.start = 6;
    const { said, told: got, figure } = begin(undefined, topic);
    await expect.poll(() => topic.state.committed).toBe(10);
    expect(got).toEqual(told(4, 6));
    expect(figure("millrace_relay_lost_total")).toBe(4);
    topic.state.records = values(2, 20);
    topic.state.start = 20;
    await expect.poll(() => topic.state.committed, { timeout: 5000 }).toBe(22);
    expect(figure("millrace_relay_lost_total")).toBe(14);
    expect(said.join("\n")).toMatch(/Retention has deleted 10 records of partition 0 that were not relayed yet/);
  });

  it("begins at the start of a topic that was made anew, and where the group is forgotten, and says so", async () => {
    const [anew, forgotten] = [fakePartition(0), fakePartition(1)];
    anew.state.records = values(2);
    anew.state.committed = 1000;
    forgotten.state.records = [relayed(0, "b", "1")];
    const { said } = begin(undefined, anew, forgotten);
    await expect.poll(() => [anew.state.committed, forgotten.state.committed]).toEqual([2, 1]);
    expect(said.join("\n")).toMatch(/the topic was made anew/);
    expect(said.join("\n")).toMatch(/committed nothing of partition 1, or it has been forgotten.*1 records/);
  });

  it("does nothing more with a partition that somebody else has", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(3);
    vi.spyOn(topic.owned, "commit").mockRejectedValue(new MillraceError("JOURNAL_FENCED", "it is another's"));
    const { relay, upstream, said } = begin(undefined, topic);
    await expect.poll(() => vi.mocked(topic.owned.commit).mock.calls.length).toBe(1);
    await relay.release(0);
    ends.length = 0;
    expect(upstream).toMatchObject({ sends: 1, closed: 1 });
    expect(said.join("\n")).not.toMatch(/begun again/);
  });

  it("sends nothing again once somebody else may have the partition", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(3);
    const { relay, upstream } = relayFixture(holdBadRecords(silentLogger));
    upstream.failure = "mqtt://cloud is away";
    const commit = vi.spyOn(topic.owned, "commit").mockRejectedValue(new MillraceError("JOURNAL_FENCED", "another's"));
    relay.take(topic.owned);
    ends.push(() => relay.release(0));
    await expect.poll(() => commit.mock.calls.length).toBe(1);
    upstream.failure = null;
    await relay.release(0);
    expect(upstream.sends).toBe(1);
  });

  it("is not ready while the group keeps no position of it", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(3);
    const commit = vi.spyOn(topic.owned, "commit").mockRejectedValue(new MillraceError("LOG_IO", "it is away"));
    const { relay } = begin(undefined, topic);
    await expect.poll(() => relay.notReadyReasons()).toEqual(["partition 0 is begun again and again: it is away"]);
    commit.mockRestore();
    await expect.poll(() => relay.notReadyReasons(), { timeout: 5000 }).toEqual([]);
    expect(topic.state.committed).toBe(3);
  });

  it("keeps each record that is bad on a line of its own in the file, whatever a crash has torn off there", async () => {
    const own = temporaryDirectory();
    ends.push(() => Promise.resolve(own.dispose()));
    const path = join(own.path, "torn.jsonl");
    writeFileSync(path, '{"topic":"ed');
    const file = badRecordsFile(path, "edges", silentLogger);
    const { signal } = new AbortController();
    const bad = (partition: number) => {
      const record = relayed(1, "a", Buffer.alloc(1_000_000, partition));
      return { partition, offset: 1, nextOffset: 2, reason: "it is bad", record };
    };
    await Promise.all([0, 1, 2].map((partition) => file.settle(bad(partition), signal)));
    const [torn, ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(torn).toBe('{"topic":"ed');
    expect(lines.map((line) => JSON.parse(line).partition)).toEqual([0, 1, 2]);
  });

  it("finishes and commits what is under way when it is given up", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(100);
    const { relay, upstream, told: got } = begin(undefined, topic);
    upstream.isSilent = true;
    await expect.poll(() => upstream.sends).toBe(1);
    const released = relay.release(0);
    upstream.isSilent = false;
    await released;
    ends.length = 0;
    expect([got.length, topic.state.committed, upstream.closed]).toEqual([48, 48, 1]);
  });

  it("lets go of what does not end when it is given up", async () => {
    const topic = fakePartition(0);
    topic.state.records = values(1);
    const { relay, upstream } = begin(undefined, topic);
    upstream.isSilent = true;
    await expect.poll(() => upstream.sends).toBe(1);
    await relay.release(0);
    ends.length = 0;
    expect([topic.state.committed, upstream.closed, topic.state.readers]).toEqual([null, 1, 0]);
  });

  it("says when Kafka does not answer, and begins again when it does", async () => {
    const topic = fakePartition(0);
    topic.state.failure = new MillraceError("LOG_LOST", "no broker answers");
    topic.state.records = values(2);
    const { relay, said } = begin(undefined, topic);
    await expect.poll(() => relay.notReadyReasons()).toEqual(["partition 0 cannot be read: no broker answers"]);
    expect(said.join("\n")).toMatch(/Partition 0 is begun again: no broker answers/);
    topic.state.failure = null;
    await expect.poll(() => topic.state.committed, { timeout: 5000 }).toBe(2);
    await expect.poll(() => relay.notReadyReasons(), { timeout: 10_000 }).toEqual([]);
  });
});
