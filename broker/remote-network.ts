import { isIPv6 } from "node:net";

const GROUPS = 8;
/** Of 16 bits each: what one subscriber is given at least, and can choose addresses in at will. */
const NETWORK_GROUPS = 4;

/** What counts as one peer: an IPv4 address, or an IPv6 network of 64 bits. Anything else counts as itself. */
export function remoteNetwork(address: string | undefined): string {
  if (address === undefined) return "?";
  const [bare = ""] = address.split("%");
  if (!isIPv6(bare)) return bare;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = bare.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  // An IPv4 tail stands for two groups: it lies behind the network, or there are too few groups for "::" to have none.
  const written = before.length + after.length + (bare.includes(".") ? 1 : 0);
  const gap: string[] = tail === undefined ? [] : Array.from({ length: Math.max(0, GROUPS - written) }, () => "0");
  const network = [...before, ...gap, ...after].slice(0, NETWORK_GROUPS);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":");
}
