import { at, isTypeScript, lineOf, type SourceFile, type SyntaxNode, type TidyRule } from "./source-tree.ts";

const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 60;
const FUNCTIONS = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];

export const fileLengthRule: TidyRule = (files) =>
  files.filter(isTypeScript).flatMap((file) => {
    const lines = lineOf(file, file.text.trimEnd().length);
    return lines > FILE_LINES_MAX ? [`${file.path}: ${lines} lines, ${FILE_LINES_MAX} at most`] : [];
  });

/** Lines of a function without those of the functions inside it: a factory's inner functions are measured on their own. */
export const functionLengthRule: TidyRule = (files) =>
  files.filter(isTypeScript).flatMap((file) => {
    const functions = file.nodes
      .filter((node) => FUNCTIONS.includes(node.type))
      .map((node) => ({ node, first: lineOf(file, node.start), last: lineOf(file, node.end) }));
    return functions.flatMap((outer) => {
      const inner = functions.filter((other) => other.node !== outer.node && contains(outer.node, other.node));
      const innerLines = new Set(inner.flatMap(({ first, last }) => linesBetween(first, last)));
      const own = outer.last - outer.first + 1 - innerLines.size;
      return own > FUNCTION_LINES_MAX ? [tooLong(file, outer.node, own)] : [];
    });
  });

function contains(outer: SyntaxNode, inner: SyntaxNode): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

function linesBetween(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function tooLong(file: SourceFile, node: SyntaxNode, lines: number): string {
  return `${at(file, node)}: a function of ${lines} lines, ${FUNCTION_LINES_MAX} at most`;
}
