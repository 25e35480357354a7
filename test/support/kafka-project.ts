import { noKafka, startKafka } from "./kafka-servers.ts";
import { bootstrapOf } from "../../deploy/kafka/kafka-cluster.ts";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The broker of the project "kafka"; null where none can be started. */
    kafkaBrokers: string | null;
  }
}

/** One broker for all files of the project. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (noKafka !== null) {
    project.provide("kafkaBrokers", null);
    return undefined;
  }
  const servers = await startKafka(1);
  project.provide("kafkaBrokers", bootstrapOf(servers.cluster));
  return () => servers.stop();
}
