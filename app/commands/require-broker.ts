import { connect } from "node:net";
import { MillraceError, errorText } from "../../core/errors.ts";

const CONNECT_TIMEOUT_MS = 5000;
const DEFAULT_PORT: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883, "ws:": 80, "wss:": 443 };

/** Devices try to connect for ever, as they should; whoever starts them wants to know at once. INVALID_INPUT, NOT_RUNNING. */
export async function requireBroker(url: string): Promise<void> {
  const { protocol, hostname, port } = URL.canParse(url) ? new URL(url) : { protocol: "", hostname: "", port: "" };
  const defaultPort = DEFAULT_PORT[protocol];
  if (defaultPort === undefined) {
    throw new MillraceError("INVALID_INPUT", `${url} is no broker's address`, { remedy: "Write mqtt://HOST:PORT." });
  }
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? defaultPort : Number(port) });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve).once("error", reject);
      socket.setTimeout(CONNECT_TIMEOUT_MS, () => reject(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)));
    });
  } catch (cause) {
    throw new MillraceError("NOT_RUNNING", `nobody listens at ${url}: ${errorText(cause)}`, {
      cause,
      remedy: "Name the broker with --mqtt.",
    });
  } finally {
    socket.destroy();
  }
}
