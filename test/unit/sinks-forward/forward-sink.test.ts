import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { forwardFixture, type ForwardFixture } from "./forward-fixture.ts";

const many = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `${from + n}`);

describe("the forwarder", () => {
  let fixture: ForwardFixture;
  afterEach(() => fixture.kill());

  it("sends what lies in the log, then what comes, one envelope at a time, and keeps its position", async () => {
    fixture = forwardFixture();
    for (const value of many(0, 3)) fixture.put(0, "a", value);
    await fixture.start();
    await expect.poll(() => fixture.told).toEqual(many(0, 3));
    for (const value of many(3, 6)) fixture.put(0, "a", value);
    await expect.poll(() => fixture.told).toEqual(many(0, 6));
    await expect.poll(() => fixture.figure("millrace_forward_messages_total")).toBe(6);
    const { journals } = await fixture.log.status();
    expect(journals.find(({ name }) => name === "sink:forward")?.positions[0]).toMatchObject({ offset: 6 });
    expect(fixture.upstream.mostUnderWay).toBe(1);
    await fixture.kill();
    await fixture.start();
    fixture.put(0, "a", "6");
    await expect.poll(() => fixture.told).toEqual(many(0, 7));
  });

  it("has one envelope under way, also where a round makes many, in the order of each partition", async () => {
    fixture = forwardFixture();
    const long = "v".repeat(8000);
    const values = many(0, 60).map((n) => `${n} ${long}`);
    for (const [n, value] of values.entries()) fixture.put(n % 2, `device-${n}`, value);
    await fixture.start();
    await expect.poll(() => fixture.told.length).toBe(60);
    expect(fixture.upstream.sends).toBeGreaterThanOrEqual(5);
    expect(fixture.upstream.mostUnderWay).toBe(1);
    for (const partition of [0, 1]) {
      const ofPartition = values.filter((_, n) => n % 2 === partition);
      expect(fixture.told.filter((value) => ofPartition.includes(value))).toEqual(ofPartition);
    }
  });

  it("sends again what was under way when it was killed: at least once, from the kept position", async () => {
    fixture = forwardFixture();
    fixture.upstream.isSilent = true;
    for (const value of many(0, 5)) fixture.put(0, "a", value);
    await fixture.start();
    await expect.poll(() => fixture.upstream.sends).toBe(1);
    await fixture.kill();
    expect(fixture.told).toEqual([]);
    fixture.upstream.isSilent = false;
    await fixture.start();
    await expect.poll(() => fixture.told).toEqual(many(0, 5));
  });

  it("has no more of a device under way than comes again after a kill, and leaves nothing out", async () => {
    fixture = forwardFixture();
    const count = LIMITS.forwardedPerDeviceMax * 2 + 7;
    for (const value of many(0, count)) fixture.put(0, "a", value);
    await fixture.start();
    await expect.poll(() => fixture.told).toEqual(many(0, count));
    expect(fixture.upstream.sends).toBeGreaterThanOrEqual(3);
  });

  it("opens its breaker, says why and how much waits, and goes on where it stood", async () => {
    fixture = forwardFixture();
    fixture.upstream.failure = "mqtt://upstream.invalid cannot be reached: no route";
    for (const value of many(0, 4)) fixture.put(1, "a", value);
    await fixture.start();
    await expect
      .poll(() => fixture.reasons(), { timeout: 20_000 })
      .toEqual([
        expect.stringMatching(
          /^Nothing is forwarded: mqtt:\/\/upstream\.invalid cannot be reached: no route\. So since /,
        ),
      ]);
    expect(fixture.figure("millrace_sink_breaker_state", "forward")).toBe(2);
    await expect.poll(() => fixture.figure("millrace_forward_waiting_records"), { timeout: 10_000 }).toBe(4);
    expect(fixture.figure("millrace_forward_oldest_waiting_seconds")).toBeGreaterThan(1e6);
    fixture.put(1, "a", "4");
    fixture.upstream.failure = null;
    await expect.poll(() => fixture.told, { timeout: 30_000 }).toEqual(many(0, 5));
    await expect.poll(() => fixture.reasons()).toEqual([]);
    expect(fixture.faults.map((text) => text.slice(0, 24))).toEqual([
      "forward-upstream raised:",
      "forward-upstream cleared",
    ]);
  });

  it("counts what retention has passed while the upstream was away, and goes on behind it", async () => {
    fixture = forwardFixture();
    fixture.upstream.isSilent = true;
    fixture.put(0, "a", "0");
    await fixture.start();
    await expect.poll(() => fixture.upstream.sends).toBe(1);
    for (const value of many(1, 9)) fixture.put(0, "a", value);
    fixture.log.trim("telemetry", 0, 6);
    fixture.upstream.isSilent = false;
    await expect.poll(() => fixture.told).toEqual(["0", ...many(6, 9)]);
    expect(fixture.faults.filter((text) => text.startsWith("forward-log"))).toEqual([]);
  });

  it("waits out a log that does not answer or fences it, and says so", async () => {
    const trouble = { left: 2 };
    fixture = forwardFixture((log) => ({
      ...log,
      commit(request) {
        if (trouble.left-- > 0) return Promise.reject(new MillraceError("LOG_IO", "the disk is gone"));
        return log.commit(request);
      },
    }));
    for (const value of many(0, 3)) fixture.put(0, "a", value);
    await fixture.start();
    await expect
      .poll(() => fixture.reasons())
      .toEqual([expect.stringMatching(/^what is to be forwarded .*the disk is gone$/)]);
    await expect.poll(() => fixture.told, { timeout: 20_000 }).toEqual(many(0, 3));
    expect(fixture.reasons()).toEqual([]);
    expect(fixture.faults.map((text) => text.slice(0, 20))).toEqual(["forward-log raised: ", "forward-log cleared:"]);
  });

  it("begins at the start of the log, and says so, when its position is damaged", async () => {
    fixture = forwardFixture();
    for (const value of many(0, 2)) fixture.put(0, "a", value);
    await fixture.start();
    await expect.poll(() => fixture.told).toEqual(many(0, 2));
    await fixture.kill();
    fixture.log.damage({ name: "sink:forward", partition: 0 }, -1);
    await fixture.start();
    await expect.poll(() => fixture.told).toEqual([...many(0, 2), ...many(0, 2)]);
    expect(fixture.faults).toEqual([
      expect.stringMatching(/^forward-position-lost happened: .* counts there twice\.$/),
    ]);
  });
});
