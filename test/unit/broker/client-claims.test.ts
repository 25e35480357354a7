import fc from "fast-check";
import { expect, test } from "vitest";
import { type ClientClaims, createClientClaims } from "../../../broker/redis/client-claims.ts";
import { createRounds } from "../../../broker/redis/rounds.ts";
import { setImmediate as nextTurn } from "node:timers/promises";

interface Told {
  readonly from: number;
  readonly round: number;
  readonly clients: readonly string[];
}

/** Gateways on a bus that hands everything to all in one order, each at its own pace; and who serves the one client "c" where. */
function gatewaysOnABus(count: number) {
  const bus: Told[] = [];
  const read = Array.from({ length: count }, () => 0);
  const served = new Map<number, { end(): void }>();
  const leave = (gateway: number): void => {
    served.get(gateway)?.end();
    served.delete(gateway);
  };
  const claims = read.map((_, gateway): ClientClaims => {
    const made = createClientClaims({
      rounds: createRounds(1000, () => undefined),
      publish: (round, clients) => {
        bus.push({ from: gateway, round, clients });
        return Promise.resolve(1);
      },
      takeOver: async () => leave(gateway),
    });
    made.linkBegan();
    return made;
  });
  return {
    served,
    connect(gateway: number): void {
      leave(gateway);
      const claim = claims[gateway]?.claim("c");
      if (claim !== undefined) served.set(gateway, claim);
    },
    /** The gateway reads the next of what was told. */
    async hear(gateway: number): Promise<void> {
      const told = bus[read[gateway] ?? 0];
      if (told === undefined) return;
      read[gateway] = (read[gateway] ?? 0) + 1;
      if (told.from === gateway) claims[gateway]?.ownCame(told.round, told.clients);
      else await claims[gateway]?.foreignCame(told.clients);
    },
    async hearAll(): Promise<void> {
      await nextTurn();
      for (let gateway = 0; gateway < count; gateway++) {
        while ((read[gateway] ?? 0) < bus.length) await this.hear(gateway);
      }
    },
  };
}

test("whatever the order of connects and of what is heard of them, exactly one connection is left", async () => {
  const step = fc.record({ gateway: fc.nat({ max: 2 }), kind: fc.constantFrom("connect", "hear", "turn") });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const gateways = gatewaysOnABus(3);
      gateways.connect(0);
      for (const { gateway, kind } of steps) {
        if (kind === "connect") gateways.connect(gateway);
        else if (kind === "hear") await gateways.hear(gateway);
        else await nextTurn();
      }
      await gateways.hearAll();
      expect(gateways.served.size).toBe(1);
    }),
  );
});

test("a claim waits for nobody while the link is lost, and is told when it is back", async () => {
  const told: (readonly string[])[] = [];
  const claims = createClientClaims({
    rounds: createRounds(1000, () => undefined),
    publish: (_round, clients) => {
      told.push(clients);
      return Promise.resolve(1);
    },
    takeOver: () => Promise.resolve(),
  });
  expect(claims.claim("before").heard).toBeNull();
  claims.claim("gone").end();
  claims.linkBegan();
  await nextTurn();
  expect(told).toEqual([["before"]]);
  // It has not come back: nobody may have heard.
  claims.linkLost();
  claims.linkBegan();
  await nextTurn();
  expect(told).toEqual([["before"], ["before"]]);
  claims.ownCame(2, ["before"]);
  claims.linkLost();
  claims.linkBegan();
  await nextTurn();
  expect(told).toHaveLength(2);
});
