import { MillraceError } from "../../core/errors.ts";
import { FEATURES } from "../../device-sim/features/feature.ts";
import { createFleet, nameFleet } from "../../device-sim/fleet.ts";
import { runFleet } from "../../device-sim/run-fleet.ts";
import { kebabCase } from "../kebab-case.ts";
import { formatFailure } from "./failure.ts";
import { EXIT, createProgress } from "./output.ts";
import { atBroker, interruptSignal, refuseConnected, registerDevices } from "./register-devices.ts";
import { requireBroker } from "./require-broker.ts";
import type { FeatureName } from "../../device-sim/features/feature.ts";
import type { ApiClient } from "./api-client.ts";
import type { SimulateOptions } from "./add-simulate-command.ts";

/** Publishes a simulated fleet until interrupted, or until `--messages` are acknowledged. */
export async function simulateFleet(
  api: ApiClient,
  mqtt: string,
  options: SimulateOptions,
  json: boolean,
): Promise<number> {
  const devices = nameFleet(positiveInteger("--devices", options.devices), options.prefix);
  const messagesMax = options.messages === undefined ? undefined : positiveInteger("--messages", options.messages);
  const rate = options.rate === undefined ? undefined : positiveNumber("--rate", options.rate);
  const off = (options.without ?? []).map((name) => [featureNamed(name), false] as const);
  const fleet = createFleet({ devices, seed: options.seed, features: Object.fromEntries(off), startAt: Date.now() });
  await requireBroker(mqtt);
  await refuseConnected(
    api,
    devices.map(({ id }) => id),
    "Another fleet of these names is running: stop it, or name this one otherwise with --prefix.",
  );
  const credentials = await registerDevices(
    api,
    devices.map(({ id }) => ({ id })),
  );
  const progress = createProgress("Publishing", messagesMax ?? 0);
  const result = await runFleet({
    fleet,
    connect: { url: mqtt },
    credentials,
    signal: interruptSignal(),
    onProgress: (p) => progress.update(p.acknowledged, `${p.connected} of ${p.devices} connected`),
    ...(rate === undefined ? {} : { rate }),
    ...(messagesMax === undefined ? {} : { messagesMax }),
  }).catch((error: unknown) => {
    throw atBroker(error, mqtt);
  });
  progress.end();
  console.log(
    json
      ? JSON.stringify(result)
      : `${result.acknowledged} of ${result.sent} messages acknowledged, ${result.dropped} never sent, from ${result.devices} devices.`,
  );
  const missing = result.sent - result.acknowledged;
  if (missing === 0) return EXIT.ok;
  const failure = new MillraceError("DELIVERY_FAILED", `${mqtt} has not acknowledged ${missing} messages`);
  console.error(formatFailure(failure, json));
  return EXIT.failed;
}

function positiveInteger(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new MillraceError("INVALID_INPUT", `${flag} ${text} is not a whole number above 0`);
}

function positiveNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new MillraceError("INVALID_INPUT", `${flag} ${text} is not a number above 0`);
}

function featureNamed(name: string): FeatureName {
  const found = FEATURES.find((feature) => kebabCase(feature) === name || feature === name);
  if (found !== undefined) return found;
  throw new MillraceError("INVALID_INPUT", `there is no feature ${name}`, {
    remedy: `Name any of ${FEATURES.map(kebabCase).join(", ")}.`,
  });
}
