import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
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

/** Who is at the other end, before a token says more. */
export interface Peer {
  /** See `remoteNetwork`. */
  readonly network: string;
  /** See `certifiedDeviceOf`. */
  readonly certified: string | null;
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
