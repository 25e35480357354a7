import { closestWord } from "../registry/closest-word.ts";
import { configReference } from "./config.ts";

const PREFIX = "MILLRACE_";
/** Read elsewhere, where what is no setting is refused or has a command of its own. */
const READ_ELSEWHERE = /^MILLRACE_(LIMIT|RELAY)_/;
/** What Kubernetes tells every pod of a Service that is called millrace, or millrace-gateway. */
const SERVICE_VARIABLE = /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)/;
const SERVICE_ADDRESS = /^(tcp|udp):\/\//;

export interface MisspeltSetting {
  readonly variable: string;
  readonly meant: string;
}

/** Variables of the environment that are no setting, but nearly one: nobody reads them, and whoever set them believes otherwise. */
export function misspeltSettings(environment: NodeJS.ProcessEnv): readonly MisspeltSetting[] {
  const known = configReference().map(({ variable }) => variable.slice(PREFIX.length));
  return Object.entries(environment).flatMap(([variable, value = ""]) => {
    if (!variable.startsWith(PREFIX) || READ_ELSEWHERE.test(variable)) return [];
    if (SERVICE_VARIABLE.test(variable) || SERVICE_ADDRESS.test(value)) return [];
    const name = variable.slice(PREFIX.length);
    const meant = known.includes(name) ? undefined : closestWord(name, known);
    return meant === undefined ? [] : [{ variable, meant: PREFIX + meant }];
  });
}
