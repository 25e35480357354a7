import { expect, it } from "vitest";
import { createRandom } from "../../../device-sim/random.ts";
import { Stand } from "../../faults/stand.ts";
import type { Cluster } from "../../support/cluster.ts";
import type { Launched, RoleLine } from "../../support/instance.ts";

const random = createRandom("stand");

/** Processes that are only names; those that are started are ready at once. */
function standOf(names: readonly string[]) {
  const ended = new Set<string>();
  const process = (name: string): Launched<RoleLine> => ({
    ready: { readyMs: 0, role: name, http: "", mqtt: null, mqtts: null, ingest: null, adminToken: null },
    pid: 0,
    stderr: () => "",
    hasEnded: () => ended.has(name),
    kill: () => Promise.resolve(void ended.add(name)),
    stop: () => Promise.resolve(0),
  });
  const processes = new Map(names.map((name) => [name, process(name)]));
  const cluster: Pick<Cluster, "processes" | "start" | "forget"> = {
    processes,
    start(name) {
      ended.delete(name);
      const launched = process(name);
      processes.set(name, launched);
      return Promise.resolve(launched);
    },
    forget: (name) => void processes.delete(name),
  };
  const { signal } = new AbortController();
  const stand = new Stand({ cluster, ports: new Map(), signal, say: () => undefined });
  return { stand, ended };
}

it("starts again what it has killed, and counts it as nobody's fault", async () => {
  const { stand } = standOf(["gateway-1"]);
  expect(await stand.killOne(["gateway"], random)).toBe("gateway-1");
  expect(await stand.killOne(["gateway"], random)).toBeNull();
  await stand.settled();
  expect(stand.idle(["gateway"])).toEqual(["gateway-1"]);
  expect(stand.endedByThemselves()).toEqual([]);
});

it("leaves what has ended by itself as it is, and names it", async () => {
  const { stand, ended } = standOf(["gateway-1", "gateway-2"]);
  ended.add("gateway-1");
  expect(stand.endedByThemselves()).toEqual(["gateway-1"]);
  expect(await stand.killOne(["gateway"], random)).toBe("gateway-2");
  await stand.settled();
  expect(stand.idle(["gateway"])).toEqual(["gateway-2"]);
});

it("kills nothing that a fault needs", async () => {
  const { stand } = standOf(["gateway-1"]);
  expect(await stand.holding("gateway", () => stand.killOne(["gateway"], random))).toBeNull();
  expect(await stand.killOne(["gateway"], random)).toBe("gateway-1");
  await stand.settled();
});
