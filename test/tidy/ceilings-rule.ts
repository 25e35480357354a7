import { asNode, at, isTest, isTypeScript, nameOf, type SyntaxNode, type TidyRule } from "./source-tree.ts";

const HOME = "core/limits.ts";
const HOMES = [
  HOME,
  "core/edge-limits.ts",
  "core/function-limits.ts",
  "core/autoscale-limits.ts",
  "core/replay-limits.ts",
  "core/stage-limits.ts",
  "core/why-limits.ts",
  "core/forward-limits.ts",
  "core/trace-limits.ts",
  "core/footprint-limits.ts",
];
const CEILING = /[a-z0-9]Max$|_MAX$/;
const UPPER_CASE = /^[A-Z][A-Z0-9_]*$/;

/** Numbers called Max that are given by a format or by nature: nobody could choose another one. `path name`, or `folder/ name`. */
const GIVEN: Readonly<Record<string, string>> = {
  "device-sim/ lengthMsMax": "how long an episode of a simulated device lasts: what it plays, not what it may",
  "device-sim/replay/send-window.ts PACKET_ID_MAX": "MQTT's: a packet id has 16 bits [MQTT-2.3.1]",
  "log/embedded/retention.ts KEY_CHARS_MAX": "LMDB's longest key",
  "sinks/clickhouse/row-sheets.ts TIME_MAX": "where ClickHouse's DateTime64 ends",
  "wire/mqtt-frame.ts HEADER_BYTES_MAX": "MQTT's fixed header [MQTT-2.2.3]",
  "wire/number-text.ts NUMBER_BYTES_MAX": "room for one encoded number",
  "wire/record-batch-writer.ts RECORD_NUMBERS_BYTES_MAX": "room for the encoded numbers of one record",
  "wire/row-binary.ts SHORT_UNITS_MAX": "texts whose length in UTF-8 surely fits in one byte",
};

/** A ceiling with a number of its own outside core/limits.ts; in a file called *-limits.ts, any property that is a number. */
export const ceilingsRule: TidyRule = (files) =>
  files
    .filter((file) => isTypeScript(file) && !isTest(file) && !HOMES.includes(file.path))
    .flatMap((file) =>
      file.nodes.flatMap((node) => {
        const constant = constantOf(node);
        if (constant === null || !isNumber(constant.value)) return [];
        const isListed = file.path.endsWith("-limits.ts") && node.type === "Property";
        const isCeiling = CEILING.test(constant.name) || isListed;
        return !isCeiling || isGiven(file.path, constant.name)
          ? []
          : [`${at(file, node)}: ${constant.name} is a ceiling and stands in ${HOME}`];
      }),
    );

function constantOf(node: SyntaxNode): { readonly name: string; readonly value: SyntaxNode } | null {
  const isVariable = node.type === "VariableDeclarator";
  const value = asNode(isVariable ? node.fields["init"] : node.fields["value"]);
  if (value === null || !(isVariable || /^(Property|PropertyDefinition)$/.test(node.type))) return null;
  return { name: nameOf(isVariable ? node.fields["id"] : node.fields["key"]), value };
}

/** A number that is written out: literals, what is calculated from them, and constants such as MIB. */
function isNumber(node: SyntaxNode | null): boolean {
  switch (node?.type) {
    case "Literal":
      return typeof node.fields["value"] === "number";
    case "Identifier":
      return UPPER_CASE.test(String(node.fields["name"]));
    case "UnaryExpression":
      return isNumber(asNode(node.fields["argument"]));
    case "BinaryExpression":
      return isNumber(asNode(node.fields["left"])) && isNumber(asNode(node.fields["right"]));
    case "CallExpression":
      return nameOf(asNode(node.fields["callee"])?.fields["property"]) === "UTC";
    case "ParenthesizedExpression":
    case "TSAsExpression":
      return isNumber(asNode(node.fields["expression"]));
    default:
      return false;
  }
}

function isGiven(path: string, name: string): boolean {
  return Object.keys(GIVEN).some((given) => {
    const [place = "", givenName] = given.split(" ");
    return name === givenName && (place.endsWith("/") ? path.startsWith(place) : path === place);
  });
}
