import {
  EDGE_LIMITS,
  edgeLimitBounds,
  type EdgeLimitName,
  type EdgeLimitSettings,
  isEdgeLimitName,
} from "../core/edge-limits.ts";
import { MillraceError } from "../core/errors.ts";
import { closestWord } from "../registry/closest-word.ts";
import { kebabCase } from "./kebab-case.ts";

const PREFIX = "MILLRACE_LIMIT_";
const FITS: readonly (readonly [smaller: EdgeLimitName, larger: EdgeLimitName])[] = [
  ["payloadBytesMax", "packetBytesMax"],
  ["connectPacketBytesMax", "packetBytesMax"],
  ["mqttTokenBytesMax", "connectPacketBytesMax"],
  ["refusedTokenWaitMs", "refusedTokenWaitMsMax"],
];
const WHOLE_NUMBER = /^\d{1,15}$/;

/** `packetBytesMax` → `MILLRACE_LIMIT_PACKET_BYTES_MAX`. */
export function limitVariable(name: string): string {
  return PREFIX + kebabCase(name).replaceAll("-", "_").toUpperCase();
}

/** Every ceiling of the gateway that the environment sets. CONFIG_INVALID for a name that is none, and for a value that is not allowed. */
export function readEdgeLimits(environment: NodeJS.ProcessEnv): EdgeLimitSettings {
  const names = new Map(
    Object.keys(EDGE_LIMITS)
      .filter(isEdgeLimitName)
      .map((name) => [limitVariable(name), name]),
  );
  const settings: EdgeLimitSettings = {};
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || text === undefined || text === "") continue;
    const name = names.get(variable);
    if (name === undefined) throw unknownLimit(variable, [...names.keys()]);
    settings[name] = valueOf(name, text);
  }
  checkFits(settings);
  return settings;
}

/** A ceiling that another one comes before would hold for nobody. */
function checkFits(settings: EdgeLimitSettings): void {
  const limits = { ...EDGE_LIMITS, ...settings };
  for (const [smaller, larger] of FITS) {
    if (limits[smaller] <= limits[larger]) continue;
    throw new MillraceError(
      "CONFIG_INVALID",
      `${smaller} ${limits[smaller]} is above ${larger} ${limits[larger]}, in which it has to fit`,
      { remedy: `Correct ${limitVariable(smaller)} or ${limitVariable(larger)}.` },
    );
  }
}

function valueOf(name: EdgeLimitName, text: string): number {
  const [min, max] = edgeLimitBounds(name);
  const value = Number(text);
  if (WHOLE_NUMBER.test(text) && value >= min && value <= max) return value;
  throw new MillraceError(
    "CONFIG_INVALID",
    `${JSON.stringify(text)} is no value for ${limitVariable(name)}: it is a whole number from ${min} to ${max}`,
    { remedy: `Correct ${limitVariable(name)}.` },
  );
}

function unknownLimit(variable: string, known: readonly string[]): MillraceError {
  const withoutPrefix = (name: string): string => name.slice(PREFIX.length);
  const closest = closestWord(withoutPrefix(variable), known.map(withoutPrefix));
  return new MillraceError("CONFIG_INVALID", `${variable} is no ceiling of the gateway`, {
    remedy:
      closest === undefined ? "See docs/configuration.md for those there are." : `Did you mean ${PREFIX}${closest}?`,
  });
}
