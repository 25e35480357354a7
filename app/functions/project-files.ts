import { createRequire } from "node:module";
import { z } from "zod";
import { deterministicGlobals } from "../../runtime/deterministic-globals.ts";

export interface ProjectNames {
  /** Of the package. */
  readonly name: string;
  /** Where Millrace lies, from the project, with slashes. */
  readonly millrace: string;
}

const dependencies = z.record(z.string(), z.string());
const manifestSchema = z.object({ devDependencies: dependencies, optionalDependencies: dependencies });

const TSCONFIG = {
  compilerOptions: {
    target: "es2024",
    module: "nodenext",
    lib: ["es2024"],
    types: ["node"],
    typeRoots: ["./node_modules/@types", "./node_modules/millrace/node_modules/@types"],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitReturns: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ["**/*.ts"],
  exclude: ["node_modules", ".millrace"],
};

const EVENT_TIME = "A replay would find another time: use the reading's (ts).";
/** What `runtime/deterministic-globals.ts` hides; `Date` and `Math` are there, but not whole. */
const HIDDEN_NAMES = Object.keys(deterministicGlobals()).filter((name) => name !== "Date" && name !== "Math");

const LINT = {
  plugins: ["typescript", "import", "unicorn", "oxc"],
  categories: { correctness: "error" },
  ignorePatterns: ["node_modules", ".millrace"],
  overrides: [
    {
      files: ["functions/**/*.ts"],
      excludeFiles: ["**/*.test.ts"],
      rules: {
        "eslint/no-restricted-globals": [
          "error",
          ...HIDDEN_NAMES.map((name) => ({ name, message: "A function has readings, state and event time only." })),
        ],
        "eslint/no-restricted-properties": [
          "error",
          { object: "Date", property: "now", message: EVENT_TIME },
          { object: "Math", property: "random", message: "Use context.random()." },
        ],
        "eslint/no-restricted-imports": [
          "error",
          { patterns: [{ group: ["node:*"], message: "A function reads no files and calls nobody." }] },
        ],
      },
    },
  ],
};

/** The files of a project that are made rather than copied: path and text. */
export function projectFiles({ name, millrace }: ProjectNames): ReadonlyMap<string, string> {
  const { devDependencies, optionalDependencies } = manifestSchema.parse(
    createRequire(import.meta.url)("../../package.json"),
  );
  const own = ["@types/node", "oxlint", "typescript"].map((tool) => [tool, devDependencies[tool]] as const);
  // The Node that Millrace needs, through npm as in Millrace's own folder.
  const node = Object.entries(optionalDependencies).filter(([dependency]) => dependency.startsWith("node-"));
  const manifest = {
    name,
    private: true,
    type: "module",
    scripts: { test: "millrace test", dev: "millrace dev", types: "tsc", lint: "oxlint --deny-warnings" },
    devDependencies: { millrace: `file:${millrace}`, ...Object.fromEntries(own) },
    optionalDependencies: Object.fromEntries(node),
  };
  const files: readonly (readonly [path: string, content: object | string])[] = [
    ["package.json", manifest],
    ["tsconfig.json", TSCONFIG],
    [".oxlintrc.json", LINT],
    [".vscode/settings.json", { "editor.formatOnSave": true, "files.exclude": { ".millrace": true } }],
    [".vscode/extensions.json", { recommendations: ["oxc.oxc-vscode"] }],
    [".gitignore", "node_modules/\n.millrace/\n"],
  ];
  return new Map(
    files.map(([path, content]) => [
      path,
      typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`,
    ]),
  );
}
