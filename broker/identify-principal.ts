import type { Socket } from "node:net";
import { TLSSocket, type PeerCertificate } from "node:tls";
import { deviceKey, isId, parseDeviceKey } from "../core/ids.ts";
import type { TokenOrRefusal } from "./credentials.ts";
import type { DeviceGate, PrincipalOrRefusal } from "./device-gate.ts";

/**
 * The device (`tenant/device`) that the peer's certificate names: its common name is the device's id, or `tenant/device`. Null without a
 * certificate of the clients' authority: a token has to say who it is then.
 */
export function certifiedDeviceOf(socket: Socket, tenant: string): string | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  if (typeof name !== "string") return null;
  if (isId(name)) return deviceKey(tenant, name);
  return parseDeviceKey(name) === null ? null : name;
}

/** Of a certificate that nobody is certified by, as much of its name as a line of the log has. */
const NAME_CHARACTERS = 64;

/** The certificate of a peer that `certifiedDeviceOf` gives none for, by its name, and why it counts as none. Null where there is none. */
export function uselessCertificateOf(socket: Socket): string | null {
  if (!(socket instanceof TLSSocket)) return null;
  // Empty without one, and null when the connection is over, whatever the type says.
  const { subject } = (socket.getPeerCertificate() as Partial<PeerCertificate> | null) ?? {};
  if (subject === undefined) return null;
  const name = String(subject.CN ?? "without a common name")
    .slice(0, NAME_CHARACTERS)
    .toWellFormed();
  const why = socket.authorized ? "its common name is no device" : String(socket.authorizationError);
  return `${name}: ${why}`;
}

/** Who is at the other end, before a token says more. */
export interface Peer {
  /** See `remoteNetwork`. */
  readonly network: string;
  /** See `certifiedDeviceOf`. */
  readonly certified: string | null;
  /** See `uselessCertificateOf`; looked at only for who is refused. */
  readonly uselessCertificate: () => string | null;
}

/** Whose a connection is, by certificate, token or both, which then have to agree. */
export async function identifyPrincipal(
  gate: DeviceGate,
  { network, certified }: Peer,
  token: TokenOrRefusal,
): Promise<PrincipalOrRefusal> {
  if (certified === null) return "refusal" in token ? token : gate.identify(token.token, network);
  const device = await gate.identifyDevice(certified, network);
  if ("refusal" in device) return device;
  if ("refusal" in token) return token.refusal === "credentials-missing" ? device : token;
  // A user name alone that is the device's own id is no token.
  if (token.token === device.principal.id) return device;
  const owner = await gate.identify(token.token, network);
  if ("refusal" in owner) return owner;
  const isSame = deviceKey(owner.principal.tenant, owner.principal.id) === certified;
  return isSame ? device : { refusal: "certificate-of-another" };
}
