import { describe, expect, test } from "vitest";
import { HEADER } from "../../core/record.ts";
import { startGatewayEdge } from "../support/gateway-edge.ts";

describe("a gateway over HTTP", () => {
  const post = (port: number, query: string, token = "token-gw", headers: Readonly<Record<string, string>> = {}) =>
    fetch(`http://127.0.0.1:${port}/v1/telemetry${query}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: '{"t":1}',
    }).then(async (response) => `${response.status} ${(await response.text()).includes("NOT_AUTHORIZED")}`);

  test("names the device", async () => {
    await using edge = await startGatewayEdge();
    expect(await post(edge.ingestPort, "?device=a")).toBe("204 false");
    expect(await post(edge.ingestPort, "")).toBe("204 false");
    expect(edge.told()).toEqual(['acme/a {"t":1}', 'acme/gw {"t":1}']);
    expect(Object.fromEntries(edge.log.records[0]?.headers ?? [])).toMatchObject({
      [HEADER.mqttTopic]: "millrace/acme/a/telemetry",
      [HEADER.principal]: "device:gw",
    });
  });

  test.each(["other", "", "no%20id", "..", "a%2Fb", "__proto__", "other&device=a"])(
    "names none that is not its own: %s",
    async (device) => {
      await using edge = await startGatewayEdge();
      expect(await post(edge.ingestPort, `?device=${device}`)).toBe("403 true");
      expect(edge.told()).toEqual([]);
    },
  );

  test("may do what an ordinary device may not, which names itself at most", async () => {
    await using edge = await startGatewayEdge();
    expect(await post(edge.ingestPort, "?device=a", "token-a")).toBe("204 false");
    expect(await post(edge.ingestPort, "?device=b", "token-a")).toBe("403 true");
    expect(edge.requests("device-foreign")).toBe(1);
    expect(edge.questions).toEqual([]);
  });

  test("has Idempotency-Keys of its own, device by device", async () => {
    await using edge = await startGatewayEdge();
    const key = { "idempotency-key": "k1" };
    await post(edge.ingestPort, "?device=a", "token-gw", key);
    await post(edge.ingestPort, "?device=a", "token-gw", key);
    await post(edge.ingestPort, "?device=b", "token-gw", key);
    await post(edge.ingestPort, "", "token-a", key);
    expect(edge.told()).toEqual(['acme/a {"t":1}', 'acme/b {"t":1}', 'acme/a {"t":1}']);
    const ids = edge.log.records.map((record) => Object.fromEntries(record.headers)[HEADER.admissionId]);
    expect(new Set(ids).size).toBe(3);
  });

  test("hears 503 when the registry cannot say", async () => {
    await using edge = await startGatewayEdge();
    edge.failure = new Error("registry gone");
    expect(await post(edge.ingestPort, "?device=a")).toBe("503 false");
    expect(edge.told()).toEqual([]);
  });
});
