import { MillraceError, errorText } from "../../core/errors.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import { FORWARD_TELEMETRY } from "../../wire/forward-batch.ts";
import { PacketLengths } from "./packet-lengths.ts";
import type { UpstreamLink } from "./upstream-link.ts";
import type { MqttClient } from "mqtt";

export interface MqttUpstreamLinkOptions {
  readonly url: string;
  readonly token: () => string;
  /** The same with every start: of two connections with it the older one is let go upstream. */
  readonly clientId: string;
  /** The setting that the token is taken from, for people. */
  readonly tokenSetting?: string;
  readonly limits?: Pick<Limits, "forwardConnectTimeoutMs" | "forwardAnswerTimeoutMs">;
}

const KEEP_ALIVE_SECONDS = 30;
const GOODBYE_MS = 1000;
/** The token is the password; the user name is for who reads logs. */
const USER_NAME = "millrace-edge";

/** Stands in the sentences for the setting. */
const TOKEN_SETTING = "<token>";

/** CONNACK return codes (MQTT 3.1.1 §3.2.2.3), as Millrace uses them. */
const RETURN_CODES: ReadonlyMap<unknown, string> = new Map([
  [1, "does not serve MQTT 3.1.1"],
  [2, "does not take the client id"],
  [3, "is busy, and asks to come again"],
  [4, "cannot read the token"],
  [5, "does not honour the token: give <token> that of a gateway of it (millrace devices add NAME --gateway)"],
]);

/**
 * Upstream by MQTT 3.1.1 with QoS 1 on the `mqtt` package, with a clean session: what is not acknowledged is sent again by the caller, under
 * the same source positions. The package does not connect by itself: when to try is for the circuit breaker to say.
 */
export function createMqttUpstreamLink(options: MqttUpstreamLinkOptions): UpstreamLink {
  const { url, tokenSetting = "MILLRACE_FORWARD_TOKEN", limits = LIMITS } = options;
  const place = placeOf(url);
  let client: MqttClient | null = null;
  let lengths: PacketLengths | null = null;

  async function connected(signal: AbortSignal): Promise<MqttClient> {
    if (client?.connected === true) return client;
    const password = options.token();
    // Loaded where it is needed only: most installations forward nothing.
    const [{ connect }, { writeToStream }] = await Promise.all([import("mqtt"), import("mqtt-packet")]);
    const opened = connect(url, {
      clientId: options.clientId,
      username: USER_NAME,
      password,
      protocolVersion: 4,
      // 65,536 buffers of all numbers with two bytes, 7 MB, for some bytes of each envelope.
      writeCache: false,
      clean: true,
      keepalive: KEEP_ALIVE_SECONDS,
      reschedulePings: true,
      // Later than our own, which says what was waited for.
      connectTimeout: 2 * limits.forwardConnectTimeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
    });
    // An error that nobody listens to would end the process; what ends a connection between two envelopes is met by the next one.
    opened.on("error", ignored);
    // Behind `writeCache`, which counts for all that the package writes.
    lengths ??= new PacketLengths(writeToStream);
    client = opened;
    const outcome = await settled(opened, limits.forwardConnectTimeoutMs, signal, (done) =>
      opened.once("connect", () => done(null)),
    );
    if (outcome !== null) throw failure(outcome, "did not answer to CONNECT");
    return opened;
  }

  function failure(outcome: Outcome, unanswered: string): MillraceError {
    drop();
    const sentence = sentenceOf(outcome, unanswered).replace(TOKEN_SETTING, tokenSetting);
    return new MillraceError("SINK_UNAVAILABLE", `${place} ${sentence}`, { cause: outcome });
  }

  function drop(): void {
    client?.end(true);
    client = null;
  }

  return {
    async send(envelope, signal) {
      const open = await connected(signal);
      lengths?.expect(envelope.length);
      const outcome = await settled(open, limits.forwardAnswerTimeoutMs, signal, (done) =>
        open.publish(FORWARD_TELEMETRY, envelope, { qos: 1 }, (error) => done(error ?? null)),
      );
      if (outcome !== null) throw failure(outcome, "did not acknowledge in time what was sent");
    },
    async close() {
      const open = client;
      client = null;
      if (open === null) return;
      const goodbye = new Promise<void>((resolve) => open.end(!open.connected, () => resolve()));
      const late = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
      await Promise.race([goodbye, late]);
    },
  };
}

/** How something on a connection ended besides well: an error of it, its end, or too much time. */
type Outcome = Error | "closed" | "late" | "aborted";

/** Null when `begin` has said that it is done. Listeners are taken away again, and an error that comes later is nobody's. */
function settled(
  client: MqttClient,
  waitMs: number,
  signal: AbortSignal,
  begin: (done: (error: Error | null) => void) => void,
): Promise<Outcome | null> {
  return new Promise((resolve) => {
    let error: Error | null = null;
    const end = (outcome: Outcome | null): void => {
      clearTimeout(timer);
      client.off("close", onClose).off("error", onError);
      signal.removeEventListener("abort", onAbort);
      resolve(outcome);
    };
    const onClose = (): void => end(error ?? "closed");
    // The connection ends behind it, and of what has ended it the first is the cause.
    const onError = (raised: Error): void => {
      error ??= raised;
      end(error);
    };
    const onAbort = (): void => end("aborted");
    const timer = setTimeout(() => end("late"), waitMs);
    client.on("close", onClose).on("error", onError);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) return onAbort();
    begin((raised) => end(raised));
  });
}

function ignored(): void {
  // The connection ends behind it.
}

function sentenceOf(outcome: Outcome, unanswered: string): string {
  if (outcome === "late") return unanswered;
  if (outcome === "aborted") return "was left, because the forwarder stops";
  if (outcome === "closed") {
    return "ended the connection without an acknowledgement, which it does when its log takes nothing or the token is no gateway's: its own log says why";
  }
  const code: unknown = "code" in outcome ? outcome.code : undefined;
  return RETURN_CODES.get(code) ?? `cannot be reached: ${errorText(outcome)}`;
}

/** Without what a URL may hold besides. */
function placeOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
