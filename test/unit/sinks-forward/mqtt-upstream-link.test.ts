import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { MillraceError, isMillraceError } from "../../../core/errors.ts";
import { createMqttUpstreamLink } from "../../../sinks/forward/mqtt-upstream-link.ts";
import type { UpstreamLink } from "../../../sinks/forward/upstream-link.ts";

const CONNECT = 0x10;
const PUBLISH = 0x30;
const NEVER = new AbortController().signal;
const LIMITS = { forwardConnectTimeoutMs: 300, forwardAnswerTimeoutMs: 300 };

/** What an upstream does with each packet that comes, by the first four bits. */
type Answers = Readonly<Record<number, (socket: Socket, packet: Buffer) => void>>;

const accept = (code: number) => (socket: Socket) => void socket.write(Buffer.from([0x20, 2, 0, code]));
/** Of a short topic: the packet id stands behind it. */
const acknowledge = (socket: Socket, packet: Buffer): void => {
  const topicAt = (packet[1] ?? 0) < 0x80 ? 2 : 3;
  const idAt = topicAt + 2 + packet.readUInt16BE(topicAt);
  socket.write(Buffer.from([0x40, 2, packet[idAt] ?? 0, packet[idAt + 1] ?? 0]));
};

describe("the link to an installation upstream", () => {
  const ends: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  /** A link to a server that does this, and how many connections it got. */
  async function linkTo(answers: Answers, token: () => string = () => "mr_1") {
    const seen = { connections: 0, connects: [] as string[] };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      seen.connections += 1;
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("data", (packet) => {
        const type = (packet[0] ?? 0) & 0xf0;
        if (type === CONNECT) seen.connects.push(packet.toString("latin1"));
        answers[type]?.(socket, packet);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const options = { url: `mqtt://127.0.0.1:${port}`, token, clientId: "edge-abc", limits: LIMITS };
    const link = createMqttUpstreamLink(options);
    ends.push(
      () => void server.close(),
      () => sockets.forEach((socket) => socket.destroy()),
      () => link.close(),
    );
    return { link, seen, place: `mqtt://127.0.0.1:${port}` };
  }

  async function failureOf(link: UpstreamLink, signal = NEVER): Promise<string> {
    const error: unknown = await link.send(Buffer.from("x"), signal).then(
      () => "it was sent",
      (raised: unknown) => raised,
    );
    return isMillraceError(error, "SINK_UNAVAILABLE") ? error.message : `not as it should be: ${String(error)}`;
  }

  it("sends on one connection, as long as it lasts", async () => {
    const { link, seen } = await linkTo({ [CONNECT]: accept(0), [PUBLISH]: acknowledge });
    for (let n = 0; n < 30; n += 1) await link.send(Buffer.from("x"), NEVER);
    expect(seen.connections).toBe(1);
    expect(seen.connects[0]).toMatch(/MQTT.*edge-abc.*mr_1/s);
  });

  it("says in a sentence why a connection is refused, and does not show the token", async () => {
    const { link, place } = await linkTo({ [CONNECT]: accept(5) });
    const text = await failureOf(link);
    expect(text).toMatch(
      new RegExp(`^${place} does not honour the token: give MILLRACE_FORWARD_TOKEN that of a gateway`),
    );
    expect(text).not.toContain("mr_1");
    const relay = createMqttUpstreamLink({
      url: place,
      token: () => "",
      clientId: "c",
      tokenSetting: "MINE",
      limits: LIMITS,
    });
    expect(await failureOf(relay)).toMatch(/does not honour the token: give MINE that of a gateway/);
    const busy = await linkTo({ [CONNECT]: accept(3) });
    expect(await failureOf(busy.link)).toBe(`${busy.place} is busy, and asks to come again`);
  });

  it("says what came between, and begins a new connection with the next envelope", async () => {
    let works = false;
    const { link, seen, place } = await linkTo({
      [CONNECT]: accept(0),
      [PUBLISH]: (socket, packet) => (works ? acknowledge(socket, packet) : void socket.destroy()),
    });
    expect(await failureOf(link)).toMatch(new RegExp(`^${place} (?:ended the connection without|cannot be reached: )`));
    works = true;
    await link.send(Buffer.from("x"), NEVER);
    expect(seen.connections).toBe(2);
  });

  it("waits for no answer for ever, neither to CONNECT nor to what is sent", async () => {
    const mute = await linkTo({});
    expect(await failureOf(mute.link)).toBe(`${mute.place} did not answer to CONNECT`);
    const slow = await linkTo({ [CONNECT]: accept(0) });
    expect(await failureOf(slow.link)).toBe(`${slow.place} did not acknowledge in time what was sent`);
  });

  it("is left at once when the forwarder stops", async () => {
    const { link } = await linkTo({ [CONNECT]: accept(0) });
    const stopping = new AbortController();
    const failure = failureOf(link, stopping.signal);
    stopping.abort();
    expect(await failure).toMatch(/was left, because the forwarder stops$/);
  });

  it("says that nobody listens, and asks for the token anew each time", async () => {
    const { link, seen } = await linkTo({ [CONNECT]: accept(0), [PUBLISH]: acknowledge }, () => {
      throw new MillraceError("CONFIG_INVALID", "the file is empty");
    });
    await expect(link.send(Buffer.from("x"), NEVER)).rejects.toThrow("the file is empty");
    expect(seen.connections).toBe(0);
    const nobody = createMqttUpstreamLink({
      url: "mqtt://127.0.0.1:1",
      token: () => "",
      clientId: "c",
      limits: LIMITS,
    });
    expect(await failureOf(nobody)).toMatch(/^mqtt:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/);
  });
});
