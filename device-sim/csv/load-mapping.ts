import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { errorText, MillraceError } from "../../core/errors.ts";
import type { CsvMapping } from "./csv-mapping.ts";
import { KNOWN_MAPPINGS } from "./known-mappings.ts";
import { checkMapping, parseMapText } from "./map-language.ts";

/**
 * What `--map` may hold: the name of a known mapping, the path of a .yaml, .yml or .json file, or the clauses themselves.
 * NOT_FOUND when there is no such file, INVALID_INPUT when it cannot be read as a mapping.
 */
export async function loadMapping(text: string): Promise<CsvMapping> {
  if (Object.hasOwn(KNOWN_MAPPINGS, text)) {
    const known = KNOWN_MAPPINGS[text];
    if (known !== undefined) return known;
  }
  if (!/\.(ya?ml|json)$/i.test(text) || text.includes("=")) return parseMapText(text);
  return checkMapping(parseYaml(await readMappingFile(text), text), text);
}

async function readMappingFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new MillraceError("NOT_FOUND", `cannot read the mapping ${path}: ${errorText(error)}`, { cause: error });
  }
}

/** YAML 1.2 holds JSON. */
function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new MillraceError("INVALID_INPUT", `the mapping ${path} is no YAML: ${errorText(error)}`, { cause: error });
  }
}
