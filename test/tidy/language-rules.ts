import {
  asNode,
  at,
  isTest,
  isTypeScript,
  nameOf,
  type SourceFile,
  type SyntaxNode,
  type TidyRule,
} from "./source-tree.ts";

/** What a package exports is its own business. */
const isDeclaration = (file: SourceFile) => file.path.endsWith(".d.ts");
const isConfiguration = (file: SourceFile) => file.path.endsWith(".config.ts");

export const noDefaultExportRule: TidyRule = (files) =>
  files
    .filter((file) => !isConfiguration(file) && !isDeclaration(file))
    .flatMap((file) => report(file, (node) => node.type === "ExportDefaultDeclaration", "a default export"));

/** What package.json exports: users of functions import from one place, whatever lies where behind it. */
const PUBLIC_ENTRIES = ["kit/function.ts", "kit/testing.ts"];

/** A file that only passes on what other files export. */
export const noBarrelRule: TidyRule = (files) =>
  files
    .filter((file) => isTypeScript(file) && !PUBLIC_ENTRIES.includes(file.path))
    .flatMap((file) => {
      const passesOn = (node: SyntaxNode) =>
        node.type === "ExportAllDeclaration" ||
        (node.type.startsWith("ExportNamed") && asNode(node.fields["source"]) !== null);
      const isImport = (node: SyntaxNode) => node.type === "ImportDeclaration";
      const exportsList = (node: SyntaxNode) =>
        node.type.startsWith("ExportNamed") && asNode(node.fields["declaration"]) === null;
      const barrel =
        file.statements.some((node) => passesOn(node) || exportsList(node)) &&
        file.statements.every((node) => passesOn(node) || exportsList(node) || isImport(node));
      return barrel || /(^|\/)index\.tsx?$/.test(file.path) ? [`${file.path}: a barrel`] : [];
    });

export const noAnyRule: TidyRule = (files) =>
  files.flatMap((file) => report(file, (node) => node.type === "TSAnyKeyword", "any"));

/** Configuration is read once, in app; everything else is given what it needs. */
export const environmentRule: TidyRule = (files) =>
  files
    .filter((file) => !file.path.startsWith("app/") && !isTest(file))
    .flatMap((file) => report(file, readsEnvironment, "reads process.env"));

export const noModuleStateRule: TidyRule = (files) =>
  files
    .filter((file) => !isTest(file))
    .flatMap((file) =>
      file.statements
        .map((node) => (node.type === "ExportNamedDeclaration" ? asNode(node.fields["declaration"]) : node))
        .filter((node) => node?.type === "VariableDeclaration" && node.fields["kind"] !== "const")
        .flatMap((node) => (node === null ? [] : [`${at(file, node)}: module-level mutable state`])),
    );

export const noInheritanceRule: TidyRule = (files) =>
  files.flatMap((file) =>
    report(
      file,
      (node) =>
        node.type.startsWith("Class") &&
        asNode(node.fields["superClass"]) !== null &&
        nameOf(node.fields["superClass"]) !== "Error",
      "inherits from something else than Error",
    ),
  );

function readsEnvironment(node: SyntaxNode): boolean {
  if (node.type === "MemberExpression") {
    return nameOf(node.fields["object"]) === "process" && nameOf(node.fields["property"]) === "env";
  }
  return node.type === "ImportSpecifier" && nameOf(node.fields["imported"]) === "env";
}

function report(file: SourceFile, matches: (node: SyntaxNode) => boolean, what: string): readonly string[] {
  return file.nodes.filter(matches).map((node) => `${at(file, node)}: ${what}`);
}
