import fc from "fast-check";
import { expect, test } from "vitest";
import { createDeviceGate } from "../../../broker/device-gate.ts";
import { FieldGateway } from "../../../broker/field-gateway.ts";
import { parseDeviceKey } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createTokenWatch } from "../../../broker/token-watch.ts";

const GATEWAY_TOPIC = "v1/gateway/telemetry";
const OWN = new Set(["a", "b-2", "gw"]);

/** A gateway of tenant `acme`, whose registry says yes to `OWN` only, and what it was asked. */
function openGateway() {
  const asked: string[] = [];
  const gate = createDeviceGate({
    authenticator: { authenticate: async () => null },
    logger: silentLogger,
    watch: createTokenWatch({ limits: LIMITS, metrics: createMetrics(), nowMs: () => 0 }),
    async findPublishable(_gateway, ids) {
      asked.push(...ids);
      return ids.filter((id) => OWN.has(id));
    },
  });
  const principal = { kind: "device", tenant: "acme", id: "gw", isGateway: true } as const;
  const options = { partitionCount: 8, admissionPrefix: "gw.1.", gate, limits: LIMITS };
  return { gateway: new FieldGateway(principal, "box", options), gate, asked };
}

/** The parts of a message, when the registry has answered. */
async function partsOf(gateway: FieldGateway, topic: string, payload: string) {
  const source = Buffer.from(payload);
  const message = {
    qos: 1,
    dup: false,
    retain: false,
    packetId: 1,
    source,
    payloadStart: 0,
    end: source.length,
  } as const;
  for (;;) {
    const found = gateway.partsOf(topic, message, 5);
    if (found === null) return [];
    if ("parts" in found) return found.parts;
    if ("end" in found) throw new Error(found.end);
    expect(await gateway.ask(found.ask, () => 5)).toBeNull();
  }
}

const HOSTILE = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "..",
  ".",
  "../a",
  "a/../b",
  "a/b",
  "+",
  "#",
  "a+",
  "",
  " a",
  "a ",
  "A",
  "а",
  "a\u0000",
  "a\n",
  "ａ",
  "x".repeat(129),
  "acme/a",
  "other/a",
  "millrace/other/a",
];
const names = fc.oneof(
  fc.constantFrom(...OWN, ...HOSTILE),
  fc.string({ unit: "binary", maxLength: 140 }),
  fc.string({ unit: fc.constantFrom(..."ab-2gw/.+#_:".split(""), '"', "\\"), maxLength: 6 }),
);

test("a gateway never publishes for a device that is not its own, whatever it is called", async () => {
  const { gateway } = openGateway();
  await fc.assert(
    fc.asyncProperty(fc.array(names, { minLength: 1, maxLength: 8 }), async (devices) => {
      const payload = `{${devices.map((name) => `${JSON.stringify(name)}:[1]`).join()}}`;
      const parts = await partsOf(gateway, GATEWAY_TOPIC, payload);
      expect(parts).toHaveLength(devices.length);
      for (const [index, { origin }] of parts.entries()) {
        const name = devices[index] ?? "";
        expect(origin.isTelemetry).toBe(OWN.has(name));
        expect(origin.key).toBe(OWN.has(name) ? `acme/${name}` : "acme/gw");
      }
    }),
    { numRuns: 500 },
  );
});

test("nor on any topic", async () => {
  const { gateway } = openGateway();
  const tenants = fc.constantFrom("acme", "acme", "other", "..", "__proto__", "ACME", "acme ");
  await fc.assert(
    fc.asyncProperty(tenants, names, async (tenant, device) => {
      for (const { origin } of await partsOf(gateway, `millrace/${tenant}/${device}/telemetry`, "{}")) {
        const isOwn = tenant === "acme" && OWN.has(device);
        expect([origin.isTelemetry, origin.key]).toEqual(isOwn ? [true, `acme/${device}`] : [false, "acme/gw"]);
      }
    }),
    { numRuns: 500 },
  );
});

test("and asks for nothing but ids", async () => {
  const { gateway, asked } = openGateway();
  await fc.assert(
    fc.asyncProperty(fc.array(names, { minLength: 1, maxLength: 8 }), async (devices) => {
      await partsOf(gateway, GATEWAY_TOPIC, `{${devices.map((name) => `${JSON.stringify(name)}:1`).join()}}`);
      for (const id of asked) expect(parseDeviceKey(`acme/${id}`)).not.toBeNull();
    }),
  );
});

test("of more devices than are remembered the first are asked for again", async () => {
  const { gateway, asked } = openGateway();
  const message = (from: number, to: number) =>
    `{${Array.from({ length: to - from }, (_, index) => `"d${from + index}":1`).join()}}`;
  for (let from = 0; from < LIMITS.fieldGatewayRememberedMax + 1000; from += 1000) {
    await partsOf(gateway, GATEWAY_TOPIC, message(from, from + 1000));
  }
  const before = asked.length;
  await partsOf(
    gateway,
    GATEWAY_TOPIC,
    message(LIMITS.fieldGatewayRememberedMax, LIMITS.fieldGatewayRememberedMax + 500),
  );
  expect(asked).toHaveLength(before);
  await partsOf(gateway, GATEWAY_TOPIC, message(0, 1));
  expect(asked).toHaveLength(before + 1);
});
