import { writeFileSync } from "node:fs";
import { configReference } from "../app/config.ts";
import { relayReference } from "../app/relay-settings.ts";
import { OTEL_VARIABLES } from "../app/tracing/tracing-settings.ts";
import { limitVariable } from "../app/edge-limit-settings.ts";
import { EDGE_LIMITS, edgeLimitBounds, isEdgeLimitName } from "../core/edge-limits.ts";
import { pageTable } from "./page-table.ts";

const PAGE = new URL("configuration.md", import.meta.url);
const HEAD = `# Configuration

Every setting, generated from \`app/config.ts\` by \`node docs/write-configuration.ts\`. Flags win over the environment, the environment
over the default. A start warns of a variable that is nearly one of these. Ceilings that are constants of a release are in limits.md.

`;
const RELAY_HEAD = `
## millrace relay

From \`app/relay-settings.ts\`; see edge.md. \`MILLRACE_KAFKA_CLIENT\` says which client library it uses, \`MILLRACE_LOG_LEVEL\` what it logs.

`;
const OTEL_HEAD = `
## Where traces go

In the environment only, with the names that OpenTelemetry gives them; looked at where traceSample is above 0. See tracing.md.

`;
const LIMITS_HEAD = `
## Ceilings of the gateway

In the environment only: \`MILLRACE_LIMIT_PACKET_BYTES_MAX=524288 millrace start\`. A name that is not in this table is refused. What each is,
and which metric tells that it was reached, is in limits.md. Times are in milliseconds unless the name says seconds; a rate of 0 is none.

`;

export function configurationPage(): string {
  const rows = configReference().map(({ name, variable, fallback, meaning }) => [
    name,
    `\`${variable}\``,
    fallback === "null" ? "" : `\`${fallback}\``,
    meaning,
  ]);
  const limits = Object.keys(EDGE_LIMITS)
    .filter(isEdgeLimitName)
    .map((name) => [`\`${limitVariable(name)}\``, String(EDGE_LIMITS[name]), ...edgeLimitBounds(name).map(String)]);
  return (
    HEAD +
    pageTable([["flag of start", "environment", "default", "meaning"], ...rows]) +
    RELAY_HEAD +
    pageTable([
      ["flag of relay", "environment", "default", "meaning"],
      ...relayReference().map(({ name, variable, fallback, meaning }) => [name, `\`${variable}\``, fallback, meaning]),
    ]) +
    OTEL_HEAD +
    pageTable([
      ["environment", "meaning"],
      ...Object.entries(OTEL_VARIABLES).map(([name, text]) => [`\`${name}\``, text]),
    ]) +
    LIMITS_HEAD +
    pageTable([["environment", "default", "least", "most"], ...limits])
  );
}

if (import.meta.main) writeFileSync(PAGE, configurationPage());
