import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { kraterRoutes } from "../adapters/http/krater-routes.ts";
import { octaviaRoutes } from "../adapters/http/octavia-routes.ts";
import { openapiDocument } from "./openapi-document.ts";

const committed = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../openapi.json"), "utf8")) as {
  paths: Record<string, Record<string, unknown>>;
};

test("the committed document is the one the schemas give: npm run openapi", () => {
  expect(openapiDocument()).toEqual(committed);
});

test("the document has every route and nothing else", () => {
  const routes = [...octaviaRoutes({} as never), ...kraterRoutes({} as never)];
  const served = routes.map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const described = Object.entries(committed.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(described.toSorted()).toEqual(served.toSorted());
});

test("every reference leads somewhere", () => {
  const text = JSON.stringify(committed);
  const names = Object.keys((committed as unknown as { components: { schemas: object } }).components.schemas);
  for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) expect(names).toContain(name);
});
