import { expect, test } from "vitest";
import { KeptStandby } from "../../../deploy/cluster/kept-standby.ts";
import type { Launched, RoleLine, StandingBy } from "../../support/instance.ts";

/** A process that stands by, and dies when the test says so. */
class FakeStandby {
  readonly name: string;
  hasBegun = false;
  isDead = false;
  private readonly end = Promise.withResolvers<void>();

  constructor(name: string) {
    this.name = name;
  }

  die(): void {
    this.isDead = true;
    this.end.resolve();
  }

  get process(): StandingBy {
    const own = {
      pid: 1,
      stderr: () => "",
      hasEnded: () => this.isDead,
      leave: () => this.die(),
      kill: () => Promise.resolve(this.die()),
    };
    const ready: RoleLine = {
      readyMs: 1,
      adminToken: null,
      role: "processors",
      http: "",
      mqtt: null,
      mqtts: null,
      ingest: null,
    };
    const launched: Launched<RoleLine> = { ...own, ready, stop: () => Promise.resolve(0) };
    return {
      ...own,
      ready: { standbyMs: 1 },
      ended: this.end.promise,
      begin: () => {
        this.hasBegun = true;
        return this.isDead ? Promise.reject(new Error("it has ended")) : Promise.resolve(launched);
      },
    };
  }
}

function keep(failing: () => boolean = () => false) {
  const started: FakeStandby[] = [];
  const said: string[] = [];
  let attempts = 0;
  const standby = new KeptStandby({
    standBy(name) {
      attempts += 1;
      if (failing()) return Promise.reject(new Error("no memory"));
      const one = new FakeStandby(name);
      started.push(one);
      return Promise.resolve(one.process);
    },
    say: (text) => said.push(text),
  });
  return { standby, started, said, attempts: () => attempts };
}

test("there is one, however often it is asked for, and it begins once", async () => {
  const { standby, started } = keep();
  standby.keep();
  standby.keep();
  expect((await standby.begin())?.name).toBe("standby-1");
  expect(await standby.begin()).toBeNull();
  expect(started.map(({ hasBegun }) => hasBegun)).toEqual([true]);
});

test("one that has begun is replaced when one is to be kept again, and not when it ends", async () => {
  const { standby, started } = keep();
  standby.keep();
  await standby.begin();
  started[0]?.die();
  await new Promise(setImmediate);
  expect(started).toHaveLength(1);
  standby.keep();
  expect((await standby.begin())?.name).toBe("standby-2");
});

test("one that dies while it waits is replaced", async () => {
  const { standby, started } = keep();
  standby.keep();
  await standby.waiting();
  started[0]?.die();
  await expect.poll(() => started.length).toBe(2);
  expect((await standby.begin())?.name).toBe("standby-2");
});

test("one that has died in the moment it is to begin begins nothing", async () => {
  const { standby, started } = keep();
  standby.keep();
  await standby.waiting();
  started[0]?.die();
  expect(await standby.begin()).toBeNull();
});

test("starts that come to nothing are given up after some, until one is asked for again", async () => {
  let isFailing = true;
  const { standby, said, attempts } = keep(() => isFailing);
  standby.keep();
  expect(await standby.begin()).toBeNull();
  expect(attempts()).toBe(3);
  expect(said[0]).toContain("no memory");
  isFailing = false;
  standby.keep();
  expect(await standby.begin()).not.toBeNull();
});

test("none is left when it is stopped", async () => {
  const { standby, started } = keep();
  standby.keep();
  await standby.waiting();
  await standby.stop();
  await new Promise(setImmediate);
  expect(started.map(({ isDead }) => isDead)).toEqual([true]);
  expect(await standby.begin()).toBeNull();
});
