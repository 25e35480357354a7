import { writeFile } from "node:fs/promises";
import { openApiDocument } from "./openapi-document.ts";

/** `node api/write-openapi.ts` writes docs/openapi.json anew. test/ compares it with what the schemas say. */
await writeFile(new URL("../docs/openapi.json", import.meta.url), await openApiDocument());
