import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPagesIfStale } from "../../app/build-pages.ts";

const ROOT = join(import.meta.dirname, "../..");
const SOURCES = ["dashboard", "core", "app/build-pages.ts", "package.json", "tsconfig.json"];
const FIRST_LOAD_BYTES_MAX = 200 * 1024;

describe("the dashboard's pages", () => {
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "millrace-pages-"));
    for (const source of SOURCES) await cp(join(ROOT, source), join(root, source), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(root, "node_modules"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const built = (path: string) => join(root, "dist/web", path);

  it("are built when there are none, and not again", async () => {
    expect(await buildPagesIfStale(root)).toBe(true);
    expect(await buildPagesIfStale(root)).toBe(false);
    // However the folder is written.
    expect(await buildPagesIfStale(`${root}/`)).toBe(false);
    expect(await readdir(join(root, "dist"))).toEqual(["web"]);
  });

  it("load from nowhere else and within the budget", async () => {
    const html = await readFile(built("index.html"), "utf8");
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const assets = await readdir(built("assets"));
    const sizes = await Promise.all(
      assets.filter((name) => name.endsWith(".br")).map(async (name) => (await stat(built(`assets/${name}`))).size),
    );
    expect(sizes.length).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(FIRST_LOAD_BYTES_MAX);
  });

  it("are built again when a source changed", async () => {
    await appendFile(join(root, "dashboard/live-protocol.ts"), "\n// changed\n");
    expect(await buildPagesIfStale(root)).toBe(true);
    expect(await buildPagesIfStale(root)).toBe(false);
  });

  it("stay as they are when the sources cannot be built, with an error that says what to do", async () => {
    const before = await readFile(built("index.html"), "utf8");
    await appendFile(join(root, "dashboard/web/main.tsx"), "\nconst {\n");
    await expect(buildPagesIfStale(root)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      remedy: expect.stringContaining("npm run build"),
    });
    expect(await readFile(built("index.html"), "utf8")).toBe(before);
    expect(await readdir(join(root, "dist"))).toEqual(["web"]);
  });
});
