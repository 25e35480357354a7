import { MillraceError } from "../core/errors.ts";
import { missingSettings } from "./missing-settings.ts";
import type { Config } from "./config.ts";
import { rolesOf } from "./roles.ts";
import { checkStandby } from "./standby.ts";

/** Roles on their own share everything but their data directories. CONFIG_INVALID names what is missing. */
export function checkRoles(config: Config): void {
  checkScaler(config);
  checkStandby(config);
  if (config.role === "all") return;
  const roles = rolesOf(config.role);
  const needed: (keyof Config)[] = ["kafkaBrokers", "databaseUrl", "installationSecret"];
  // One of them fills the tables and the other reads them.
  if (config.clickhouse && roles.has("sinks") !== roles.has("api")) needed.push("clickhouseUrl");
  const missing = missingSettings(config, needed);
  if (missing.length === 0) return;
  const text = `role ${config.role} needs stores that all processes share: ${missing.join(", ")}`;
  throw new MillraceError("CONFIG_INVALID", text, {
    remedy:
      'Set them to the same in every process of the installation (docs/operating.md, "Roles"), or start with --role all.',
  });
}

/** CONFIG_INVALID where nobody could answer. */
function checkScaler(config: Config): void {
  if (config.scalerPort === undefined) return;
  const refuse = (text: string, remedy: string): never => {
    throw new MillraceError("CONFIG_INVALID", text, { remedy });
  };
  if (config.kafkaBrokers === undefined) {
    refuse(
      "a scaler of pods needs the log on Kafka: an embedded one has no other processes",
      "Leave --scaler-port out; --autoscale scales threads of this process.",
    );
  }
  if (!rolesOf(config.role).has("api"))
    refuse(`role ${config.role} serves no scaler of pods`, "Set --scaler-port where the role api is, and only there.");
}
