import { createRandom, type Random } from "../../device-sim/random.ts";
import { pick } from "../faults/chance.ts";
import { FUZZ_DEVICES } from "./fuzz-device.ts";
import { httpRequests } from "./http-requests.ts";
import { mqttSession } from "./mqtt-session.ts";
import { mutated } from "./mutations.ts";
import { websocketFrames } from "./websocket-frames.ts";

/** How a case leaves: TCP's FIN and then reading on, a reset, or as soon as the server has closed. */
export type Ending = "half-close" | "reset" | "wait";

export interface FuzzCase {
  readonly kind: "mqtt" | "http" | "websocket";
  /** One write each. */
  readonly writes: readonly Buffer[];
  /** Between writes, ms; 0 is the next turn. */
  readonly pauseMs: number;
  /** False for a peer that does not take what it is sent. */
  readonly reads: boolean;
  readonly ending: Ending;
  /** How long it stays before it leaves, ms. */
  readonly stayMs: number;
}

const STAY_MS_MAX = 80;
const BORDERS_MAX = 30;
/** Bytes of a case that are written one by one at most. */
const SINGLE_BYTES_MAX = 300;

/** The same seed and number give the same bytes. */
export function fuzzCase(seed: string, number: number): FuzzCase {
  const random = createRandom(`fuzz ${seed} ${number}`);
  const kind = pick(["mqtt", "mqtt", "mqtt", "mqtt", "mqtt", "http", "websocket"] as const, random);
  const device = pick(FUZZ_DEVICES, random);
  const session = kind === "http" ? httpRequests(device, random) : mqttSession(device, random);
  const packets = packetsOf(kind, session, random);
  return {
    kind,
    writes: written(packets, random),
    pauseMs: random.next() < 0.7 ? 0 : 1 + Math.floor(random.next() * 4),
    reads: random.next() < 0.92,
    ending: pick(["half-close", "reset", "wait"], random),
    stayMs: Math.floor(random.next() * STAY_MS_MAX),
  };
}

/** In seven of ten cases what opens the connection stays whole: most would end there. */
function packetsOf(kind: FuzzCase["kind"], session: readonly Buffer[], random: Random): Buffer[] {
  const whole = random.next() < 0.7 ? 1 : 0;
  if (kind !== "websocket") return mutated(session, kind === "mqtt" ? whole : 0, random);
  // What is wrong is either in the packets or in the frames around them.
  return random.next() < 0.5
    ? websocketFrames(mutated(session, whole, random), random)
    : mutated(websocketFrames(session, random), whole, random);
}

function written(packets: readonly Buffer[], random: Random): Buffer[] {
  const all = Buffer.concat(packets);
  const how = random.next();
  if (how < 0.3) return [all];
  if (how < 0.6) return packets.filter(({ length }) => length > 0);
  const borders =
    how < 0.9
      ? Array.from({ length: Math.floor(random.next() * BORDERS_MAX) }, () => Math.floor(random.next() * all.length))
      : Array.from({ length: Math.min(all.length, SINGLE_BYTES_MAX) }, (_, index) => index);
  const sorted = [...new Set([0, ...borders, all.length])].toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, index) => all.subarray(sorted[index], end));
}
