import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import mqttPacket, { type Packet, type Parser } from "mqtt-packet";
import { MillraceError } from "../../core/errors.ts";
import { TELEMETRY_TOPIC } from "../credentials.ts";
import { SIM_PACES } from "../sim-paces.ts";
import type { NumberedMessage } from "./send-window.ts";

/** What happens on a link. `onClose` is called exactly once, last; a refusal carries CONNACK's return code. */
export interface MqttLinkEvents {
  onOpen(): void;
  onPubacks(packetIds: readonly number[]): void;
  onClose(reason: LinkEnd): void;
}

export interface LinkEnd {
  readonly text: string;
  readonly returnCode?: number;
}

export interface MqttLinkOptions {
  readonly address: BrokerAddress;
  readonly clientId: string;
  readonly token: string;
  readonly events: MqttLinkEvents;
}

/**
 * One TCP connection that speaks as much of MQTT 3.1.1 as a device that only publishes needs. Our own instead of the `mqtt` package,
 * because there a reconnect resends from its store while new messages already go out: the order is lost.
 */
export interface MqttLink {
  /** Writes all at once, in order. */
  publish(messages: readonly NumberedMessage[], dup: boolean): void;
  /** Says good-bye (DISCONNECT), then closes. */
  end(): void;
  destroy(): void;
}

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** INVALID_INPUT unless the text is mqtt://HOST[:PORT] or mqtts://HOST[:PORT]. */
export function parseBrokerUrl(text: string): BrokerAddress {
  const url = URL.parse(text);
  const tls = url?.protocol === "mqtts:";
  if (url === null || url.hostname === "" || !(tls || url.protocol === "mqtt:")) {
    throw new MillraceError("INVALID_INPUT", `${JSON.stringify(text)} is no broker address`, {
      remedy: "Write mqtt://HOST:PORT or mqtts://HOST:PORT.",
    });
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const portDefault = tls ? 8883 : 1883;
  return { host, port: url.port === "" ? portDefault : Number(url.port), tls };
}

export function openMqttLink({ address, clientId, token, events }: MqttLinkOptions): MqttLink {
  const socket: Socket = address.tls
    ? connectTls({ host: address.host, port: address.port, servername: address.host })
    : connectTcp({ host: address.host, port: address.port });
  const parser: Parser = mqttPacket.parser({ protocolVersion: 4 });
  const connectTimer = setTimeout(() => close({ text: "no CONNACK in time" }), SIM_PACES.connectTimeoutMs);
  const pingTimer = setInterval(pingTimerOnTick, (SIM_PACES.keepAliveSeconds * 1000) / 2);
  let pubacks: number[] = [];
  let heardSincePing = true;
  let open = false;
  let closed = false;

  socket.setNoDelay(true);
  socket.once(address.tls ? "secureConnect" : "connect", function socketOnConnect() {
    socket.write(connectPacket(clientId, token));
  });
  socket.on("data", function socketOnData(chunk) {
    heardSincePing = true;
    parser.parse(chunk);
    if (closed || pubacks.length === 0) return;
    const packetIds = pubacks;
    pubacks = [];
    events.onPubacks(packetIds);
  });
  socket.on("error", (error) => close({ text: error.message }));
  socket.on("close", () => close({ text: "the broker closed the connection" }));
  parser.on("packet", parserOnPacket);
  parser.on("error", (error: unknown) => close({ text: `the broker sent no MQTT: ${String(error)}` }));

  function parserOnPacket(packet: Packet): void {
    if (closed) return;
    if (packet.cmd === "connack" && !open) {
      clearTimeout(connectTimer);
      const returnCode = packet.returnCode ?? 0;
      if (returnCode !== 0) return close({ text: `CONNACK return code ${returnCode}`, returnCode });
      open = true;
      events.onOpen();
    } else if (packet.cmd === "puback" && open && packet.messageId !== undefined) {
      pubacks.push(packet.messageId);
    } else if (packet.cmd !== "pingresp") {
      close({ text: `the broker sent an unexpected ${packet.cmd}` });
    }
  }

  function pingTimerOnTick(): void {
    if (!open) return;
    if (!heardSincePing) return close({ text: "the broker is silent" });
    heardSincePing = false;
    socket.write(mqttPacket.generate({ cmd: "pingreq" }));
  }

  function close(reason: LinkEnd): void {
    if (closed) return;
    closed = true;
    clearTimeout(connectTimer);
    clearInterval(pingTimer);
    socket.destroy();
    events.onClose(reason);
  }

  return {
    publish(messages, dup) {
      if (!closed && messages.length > 0) socket.write(publishPackets(messages, dup));
    },
    end() {
      if (closed) return;
      socket.end(mqttPacket.generate({ cmd: "disconnect" }), () => close({ text: "done" }));
    },
    destroy: () => close({ text: "stopped" }),
  };
}

function connectPacket(clientId: string, token: string): Buffer {
  return mqttPacket.generate({
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 4,
    clientId,
    // The order is kept here, not in a broker's session; brokers may refuse persistent ones.
    clean: true,
    keepalive: SIM_PACES.keepAliveSeconds,
    username: clientId,
    password: Buffer.from(token),
  });
}

function publishPackets(messages: readonly NumberedMessage[], dup: boolean): Buffer {
  return Buffer.concat(
    messages.map(({ packetId, payload }) =>
      mqttPacket.generate({
        cmd: "publish",
        topic: TELEMETRY_TOPIC,
        payload,
        qos: 1,
        retain: false,
        dup,
        messageId: packetId,
      }),
    ),
  );
}
