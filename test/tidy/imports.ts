import { posix } from "node:path";
import { isTypeScript, lineOf, nameOf, type SourceFile } from "./source-tree.ts";

export interface Import {
  /** `path:line` of the importing statement. */
  readonly where: string;
  readonly from: string;
  /** Of the project: the imported file's path. Otherwise null. */
  readonly target: string | null;
  /** Of a package or of Node: `zod`, `@fastify/static`, `node:fs`. Otherwise null. */
  readonly vendor: string | null;
}

const KINDS = [
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType",
];

/** Every import of a file, of types too, dynamic ones with a fixed text too. */
export function importsOf(file: SourceFile): readonly Import[] {
  if (!isTypeScript(file)) return [];
  return file.nodes
    .filter((node) => KINDS.includes(node.type))
    .map((node) => ({ node, text: nameOf(node.fields["source"]) || nameOf(node.fields["argument"]) }))
    .filter(({ text }) => text !== "")
    .map(({ node, text }) => ({
      where: `${file.path}:${lineOf(file, node.start)}`,
      from: file.path,
      target: text.startsWith(".") ? posix.join(posix.dirname(file.path), text) : null,
      vendor: text.startsWith(".") ? null : vendorOf(text),
    }));
}

function vendorOf(text: string): string {
  const [first = "", second = ""] = text.split("/");
  return text.startsWith("@") ? `${first}/${second}` : first;
}
