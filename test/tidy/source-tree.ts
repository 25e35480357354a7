import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "vite";

/** One file of the project, with its syntax where it is TypeScript. Paths are relative to the project's root, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly nodes: readonly SyntaxNode[];
  /** Top-level statements. */
  readonly statements: readonly SyntaxNode[];
}

/** A node of the ESTree, with TypeScript's kinds. Fields are looked at, never trusted. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A rule: the sentences that say what is wrong in the tree, each beginning with the file's path. */
export type TidyRule = (files: readonly SourceFile[]) => readonly string[];

const TREE = [
  "*.{ts,js,json,md,yaml,yml}",
  "{core,wire,engine,kit,broker,log,runtime,processors,registry,sinks,api,dashboard,device-sim,app,bin,test,bench,deploy,docs,examples}/**/*.*",
];
const SKIPPED = /(^|\/)(node_modules|dist|coverage)\/|^package-lock\.json$|^docs\/benchmarks\/raw\/|\.(png|svg|gz)$/;

export function readTree(root: string): readonly SourceFile[] {
  return globSync(TREE, { cwd: root, exclude: ["**/node_modules", "**/dist"], withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => path.slice(root.length + 1).replaceAll("\\", "/"))
    .filter((path) => !SKIPPED.test(path))
    .toSorted()
    .map((path) => sourceFile(path, readFileSync(join(root, path), "utf8")));
}

/** Also how a planted bad example is made. */
export function sourceFile(path: string, text: string): SourceFile {
  if (!/\.tsx?$/.test(path)) return { path, text, nodes: [], statements: [] };
  const { program, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const nodes: SyntaxNode[] = [];
  collect(program, nodes);
  const [root] = nodes;
  return { path, text, nodes, statements: childrenOf(root?.fields["body"]) };
}

export function isTypeScript(file: SourceFile): boolean {
  return /\.tsx?$/.test(file.path);
}

export function isTest(file: SourceFile): boolean {
  return file.path.startsWith("test/") || file.path.startsWith("bench/");
}

export function asNode(value: unknown): SyntaxNode | null {
  if (typeof value !== "object" || value === null) return null;
  const fields = Object.fromEntries(Object.entries(value));
  const { type, start, end } = fields;
  if (typeof type !== "string" || typeof start !== "number" || typeof end !== "number") return null;
  return { type, start, end, fields };
}

/** The text of a field that holds an identifier, or a string. */
export function nameOf(value: unknown): string {
  const node = asNode(value);
  const text = node?.fields["name"] ?? node?.fields["value"];
  return typeof text === "string" ? text : "";
}

/** 1 is the first line. */
export function lineOf(file: SourceFile, offset: number): number {
  let line = 1;
  for (let at = file.text.indexOf("\n"); at !== -1 && at < offset; at = file.text.indexOf("\n", at + 1)) line++;
  return line;
}

export function at(file: SourceFile, node: SyntaxNode): string {
  return `${file.path}:${lineOf(file, node.start)}`;
}

function collect(value: unknown, nodes: SyntaxNode[]): void {
  const node = asNode(value);
  if (node !== null) nodes.push(node);
  const parts = Array.isArray(value) ? value : Object.values(node?.fields ?? {});
  for (const part of parts) if (typeof part === "object" && part !== null) collect(part, nodes);
}

function childrenOf(value: unknown): readonly SyntaxNode[] {
  return Array.isArray(value) ? value.map(asNode).filter((node) => node !== null) : [];
}
