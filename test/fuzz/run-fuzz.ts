import { setTimeout as delay } from "node:timers/promises";
import { errorText } from "../../core/errors.ts";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { Canary } from "./canary.ts";
import { CANARY, FUZZ_DEVICES } from "./fuzz-device.ts";
import { fuzzCase } from "./fuzz-case.ts";
import { GatewayWatch } from "./gateway-watch.ts";
import { playCase } from "./play-case.ts";

export interface FuzzOptions {
  readonly seed: string;
  readonly seconds: number;
  /** What runs before memory counts: V8 takes about a minute of this to reach the size at which it stays. */
  readonly warmUpSeconds: number;
  /** MB above the memory after the warm-up that are no finding. */
  readonly growthMegabytesMax: number;
  /** Only this case, again and again for as long; null for all. */
  readonly only: number | null;
  readonly say: (text: string) => void;
  /** Aborted: the instance is killed. */
  readonly signal?: AbortSignal;
}

export interface FuzzFigures {
  readonly seed: string;
  readonly seconds: number;
  readonly cases: number;
  readonly canaryRounds: number;
  readonly canarySlowestMs: number;
  readonly warmMegabytes: number;
  readonly peakMegabytes: number;
  /** Messages that the stage has seen, whatever became of them. */
  readonly admitted: number;
  /** Each with the cases that were under way. */
  readonly findings: readonly string[];
}

const AT_ONCE = 16;
const SETTLE_MS = 120_000;
const SAY_EVERY_MS = 10_000;
const FINDING_CHARACTERS_MAX = 500;
/** By the address of their sockets, so that lines of the log find their case. */
const CASES_REMEMBERED = 2000;

/** Plays cases against an instance while a canary and a watch look on. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzFigures> {
  const directory = temporaryDirectory();
  const data = `${directory.path}/data`;
  const { signal } = options;
  const flags = ["--no-clickhouse", "--log-level", "warn"];
  const instance = await startInstance({ data, flags, ...(signal === undefined ? {} : { signal }) });
  try {
    await instanceApi(data).create("/devices/import", { devices: [CANARY, ...FUZZ_DEVICES] });
    return await fuzz(instance, data, options);
  } finally {
    await instance.kill();
    directory.dispose();
  }
}

async function fuzz(instance: Instance, data: string, options: FuzzOptions): Promise<FuzzFigures> {
  const { seed, seconds, warmUpSeconds, say } = options;
  const findings: string[] = [];
  const player = new CasePlayer(instance, options);
  const find = (text: string): void => {
    if (options.signal?.aborted === true) return;
    const finding = `${text.slice(0, FINDING_CHARACTERS_MAX)} [seed ${seed}, ${player.caseOf(text)}]`;
    findings.push(finding);
    say(`FOUND ${finding}`);
  };
  const canary = new Canary(Number(new URL(instance.ready.mqtt).port), find);
  const watch = new GatewayWatch(instance, data, options.growthMegabytesMax, find);
  const begun = performance.now();
  const chatter = setInterval(() => say(progressText(player, watch, begun)), SAY_EVERY_MS);
  canary.start();
  watch.start();
  try {
    await player.play(warmUpSeconds, find);
    watch.warm();
    await player.play(seconds, find);
    await canary.stop();
    await watch.look();
    const messages = await settledMessages(data, find);
    await watch.look();
    return {
      seed,
      seconds: Math.round((performance.now() - begun) / 1000),
      cases: player.played,
      canaryRounds: canary.rounds,
      canarySlowestMs: Math.round(canary.slowestMs),
      warmMegabytes: Math.round(watch.warmMegabytes),
      peakMegabytes: Math.round(watch.peakMegabytes),
      admitted: messages,
      findings,
    };
  } finally {
    clearInterval(chatter);
    await watch.stop();
    await canary.stop();
  }
}

/** Whatever was sent, every message that was taken has an outcome. */
async function settledMessages(data: string, find: (text: string) => void): Promise<number> {
  try {
    const { ledger } = await settled(instanceApi(data), SETTLE_MS);
    return ledger.messages.admitted;
  } catch (error) {
    find(errorText(error));
    return 0;
  }
}

class CasePlayer {
  played = 0;
  readonly #ports: { readonly mqtt: number; readonly ingest: number };
  readonly #options: FuzzOptions;
  readonly #underWay = new Set<number>();
  readonly #byAddress = new Map<string, number>();
  #next = 0;

  constructor({ ready }: Instance, options: FuzzOptions) {
    this.#ports = { mqtt: Number(new URL(ready.mqtt).port), ingest: Number(new URL(ready.ingest).port) };
    this.#options = options;
  }

  async play(seconds: number, find: (text: string) => void): Promise<void> {
    const end = performance.now() + seconds * 1000;
    // Copies of one case would take each other's place.
    const atOnce = this.#options.only === null ? AT_ONCE : 1;
    const lanes = Array.from({ length: atOnce }, async () => {
      while (performance.now() < end) {
        try {
          await this.#playNext();
        } catch (error) {
          find(errorText(error));
          await delay(1000);
        }
      }
    });
    await Promise.all(lanes);
  }

  /** The case of a line that has the address of its connection, or all that are under way. */
  caseOf(text: string): string {
    // The canary's address may have been that of a case before.
    const remote = text.includes(`"clientId":"${CANARY.id}"`) ? undefined : /"remote":"([^"]+)"/.exec(text)?.[1];
    const number = remote === undefined ? undefined : this.#byAddress.get(remote);
    return number === undefined ? `cases under way: ${[...this.#underWay].join()}` : `case ${number}`;
  }

  async #playNext(): Promise<void> {
    const number = this.#options.only ?? this.#next++;
    this.#underWay.add(number);
    try {
      await playCase(fuzzCase(this.#options.seed, number), this.#ports, (address) => this.#remember(address, number));
      this.played += 1;
    } finally {
      this.#underWay.delete(number);
    }
  }

  #remember(address: string, number: number): void {
    this.#byAddress.delete(address);
    this.#byAddress.set(address, number);
    if (this.#byAddress.size > CASES_REMEMBERED)
      for (const oldest of this.#byAddress.keys()) return void this.#byAddress.delete(oldest);
  }
}

function progressText(player: CasePlayer, watch: GatewayWatch, begun: number): string {
  const seconds = Math.round((performance.now() - begun) / 1000);
  return `${seconds} s: ${player.played} cases, ${Math.round(watch.peakMegabytes)} MB at most (${Math.round(watch.warmMegabytes)} MB warm)`;
}
