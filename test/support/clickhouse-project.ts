import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** "server" in the project "clickhouse", whose sinks and queries go over the network; undefined in the others. */
    clickhousePlace?: "server";
  }
}

export function setup(project: TestProject): void {
  project.provide("clickhousePlace", "server");
}
