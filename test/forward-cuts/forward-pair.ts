import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import {
  runMillraceAsync,
  startInstance,
  temporaryDirectory,
  type Instance,
  type InstanceOptions,
} from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { openLinkProxy, type LinkProxy } from "./link-proxy.ts";

/** One of the two installations: on the same ports and data whenever it is started. */
export interface Side {
  readonly data: string;
  readonly api: InstanceApi;
  readonly mqttPort: number;
  readonly ingestPort: number;
  instance: Instance | null;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** In order. */
  stop(): Promise<void>;
}

export interface ForwardPair {
  readonly edge: Side;
  readonly cloud: Side;
  readonly link: LinkProxy;
  /** Of a gateway of the edge that makes the devices it publishes for. */
  readonly boxToken: string;
  /** The edge has the token of the cloud's gateway from its next start on. */
  giveToken(): Promise<void>;
  dispose(): Promise<void>;
}

export interface PairOptions {
  /** Of the edge, besides what forwards. */
  readonly edgeEnvironment?: Readonly<Record<string, string>>;
  readonly edgeNodeFlags?: readonly string[];
  /** Aborted: both installations are killed. */
  readonly signal?: AbortSignal;
  /** In place of the token that the cloud has given out. */
  readonly token?: string;
}

/** Two real installations without tables, the edge forwarding to the cloud over a link that can be cut. Both run. */
export async function startPair(options: PairOptions = {}): Promise<ForwardPair> {
  const directory = temporaryDirectory();
  const signalled = options.signal === undefined ? {} : { signal: options.signal };
  const cloud = await sideOf(join(directory.path, "cloud"), {
    ...signalled,
    flags: ["--no-clickhouse", "--partitions", "8"],
    environment: {},
  });
  await cloud.start();
  const token = options.token ?? (await addGateway(cloud.data, "edge-1"));
  const link = await openLinkProxy(cloud.mqttPort);
  const flags = ["--no-clickhouse", "--processor-threads", "1"];
  const environment = {
    MILLRACE_FORWARD_URL: `mqtt://127.0.0.1:${link.port}`,
    MILLRACE_FORWARD_TOKEN: token,
    ...options.edgeEnvironment,
  };
  const nodeFlags = options.edgeNodeFlags ?? [];
  const edge = await sideOf(join(directory.path, "edge"), { ...signalled, flags, environment, nodeFlags });
  await edge.start();
  return {
    edge,
    cloud,
    link,
    boxToken: await addGateway(edge.data, "box"),
    async giveToken() {
      environment.MILLRACE_FORWARD_TOKEN = await addGateway(cloud.data, "edge-1");
    },
    async dispose() {
      await Promise.all([edge.kill(), cloud.kill()]);
      await link.close();
      directory.dispose();
    },
  };
}

/** A gateway that may create devices; its token. */
export async function addGateway(data: string, id: string): Promise<string> {
  const args = ["devices", "add", id, "--gateway", "--provisions", "--json", "--data", data];
  const { code, stdout, stderr } = await runMillraceAsync(args);
  if (code !== 0) throw new Error(`no gateway: ${stderr}`);
  const added: { readonly token: string } = JSON.parse(stdout);
  return added.token;
}

/** An installation that does not run yet. */
export async function sideOf(
  data: string,
  options: Omit<InstanceOptions, "data"> & { readonly environment: Readonly<Record<string, string>> },
): Promise<Side> {
  const [mqttPort, ingestPort] = [await freePort(), await freePort()];
  const ports = { MILLRACE_MQTT_PORT: String(mqttPort), MILLRACE_INGEST_PORT: String(ingestPort) };
  const end = async (how: (instance: Instance) => Promise<unknown>): Promise<void> => {
    const { instance } = side;
    side.instance = null;
    if (instance !== null) await how(instance);
  };
  const side: Side = {
    data,
    api: instanceApi(data),
    mqttPort,
    ingestPort,
    instance: null,
    async start() {
      side.instance = await startInstance({ ...options, data, environment: { ...ports, ...options.environment } });
    },
    kill: () => end((instance) => instance.kill()),
    stop: () => end((instance) => instance.stop()),
  };
  return side;
}
