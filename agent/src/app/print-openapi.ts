import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { openapiDocument } from "./openapi-document.ts";

/** `npm run openapi`: writes `agent/openapi.json`, which is committed, compared in tests and served by the agent. */
const path = resolve(import.meta.dirname, "../../openapi.json");
await writeFile(path, `${JSON.stringify(openapiDocument(), null, 2)}\n`);
console.log(`wrote ${path}`);
