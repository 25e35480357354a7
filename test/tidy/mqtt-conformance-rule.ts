import { MQTT_STATEMENTS } from "./mqtt-statements.ts";
import { lineOf, type SourceFile, type TidyRule } from "./source-tree.ts";

const PAGE = "docs/mqtt-conformance.md";
/** `| 3.1.2-24 | what it wants | what we do | `folder/file` name of the test |`. */
const ROW = /^\| (\d[\d.-]+) +\|[^|]+\|[^|]+\| `([\w/-]+)` ([^|]+?) +\|$/gm;
/** Statements that no server can break are listed by number, in one line each. */
const LINE = /^(?:Of clients alone|Not of this server): ([\d., -]+)\./gm;
const CITED = /\[MQTT-(\d[\d.-]*-\d+)\]/g;
const FILES_THAT_CITE = /^(?:test|broker|wire|core|docs)\/.+\.(?:ts|md)$/;
/** As the standard itself misprints it. */
const MISPRINTED = "3-8.3-4";

/** Every statement of MQTT 3.1.1 is on the page once, with a test that exists; and no statement is cited that does not exist. */
export const mqttConformanceRule =
  (tests: readonly SourceFile[]): TidyRule =>
  (files) => {
    const page = files.find(({ path }) => path === PAGE);
    return [...files.flatMap(citationsOf), ...(page === undefined ? [] : pageDefects(page, tests))];
  };

function pageDefects({ text }: SourceFile, tests: readonly SourceFile[]): readonly string[] {
  const rows = [...text.matchAll(ROW)];
  const listed = [...text.matchAll(LINE)].flatMap(([, numbers = ""]) => numbers.split(", "));
  const named = [...rows.map(([, number = ""]) => number), ...listed];
  const untested = rows.filter(([, , file, name]) => {
    const test = tests.find(({ path }) => path === `test/${file}.test.ts`);
    return test?.text.includes(`"${name}"`) !== true;
  });
  return [
    ...MQTT_STATEMENTS.filter((one) => !named.includes(one)).map((one) => `${PAGE}: says nothing of ${one}`),
    ...named.filter((one) => !MQTT_STATEMENTS.includes(one)).map((one) => `${PAGE}: there is no ${one}`),
    ...named.filter((one, index) => named.indexOf(one) !== index).map((one) => `${PAGE}: ${one} is there twice`),
    ...untested.map(([, number, file, name]) => `${PAGE}: ${number} names a test that does not exist: ${file} ${name}`),
  ];
}

function citationsOf(file: SourceFile): readonly string[] {
  if (!FILES_THAT_CITE.test(file.path)) return [];
  return [...file.text.matchAll(CITED)]
    .filter(([, number = ""]) => number !== MISPRINTED && !MQTT_STATEMENTS.includes(number))
    .map((match) => `${file.path}:${lineOf(file, match.index)}: there is no ${match[0]}`);
}
