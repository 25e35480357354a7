import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { errorText, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

export interface SourceDocument {
  readonly value: unknown;
  /** `line 3, column 5` of what stands at the path, or of the nearest thing around it; "" when the source has no lines. */
  locate(path: readonly PropertyKey[], atKey: boolean): string;
}

/** YAML 1.2 (and so JSON) with positions. INVALID_INPUT names line and column. */
export function parseYamlSource(text: string): SourceDocument {
  if (text.length > LIMITS.configurationCharactersMax) {
    throw new MillraceError(
      "INVALID_INPUT",
      `the document has more than ${LIMITS.configurationCharactersMax} characters`,
    );
  }
  const lines = new LineCounter();
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const document = parsed(text, lines);
  const [problem] = document.errors;
  if (problem !== undefined) {
    const [sentence = ""] = problem.message.split(/ at line \d+|\n/);
    throw new MillraceError("INVALID_INPUT", `${position(problem.pos[0])}: ${sentence}`);
  }
  return {
    value: toValue(() => document.toJS({ maxAliasCount: LIMITS.configurationAliasesMax })),
    locate(path, atKey) {
      const node = nodeAt(document.contents, path, atKey);
      return node?.range ? position(node.range[0]) : "";
    },
  };
}

function parsed(text: string, lineCounter: LineCounter) {
  // Nesting some thousands deep ends the parser's recursion with a RangeError.
  return toValue(() => parseDocument(text, { lineCounter, prettyErrors: false }));
}

function toValue<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new MillraceError("INVALID_INPUT", `not a YAML document: ${errorText(error)}`, { cause: error });
  }
}

/** The deepest node on the path that is there; with `atKey` the key at its end instead of the value. */
function nodeAt(root: Node | null, path: readonly PropertyKey[], atKey: boolean): Node | null {
  let node = root;
  for (const [index, step] of path.entries()) {
    const next = child(node, step, atKey && index === path.length - 1);
    if (next === null) return node;
    node = next;
  }
  return node;
}

function child(node: Node | null, step: PropertyKey, wantKey: boolean): Node | null {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return isNode(item) ? item : null;
  }
  if (!isMap(node)) return null;
  const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
  const found = wantKey ? pair?.key : pair?.value;
  return isNode(found) ? found : null;
}
