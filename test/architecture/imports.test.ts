import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseSync } from "rolldown/utils";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** Which room may import which. Tests may import their own neighbours and `testing`; nobody imports tests. */
const rooms: Record<string, { may: string[]; because: string }> = {
  contract: { may: ["contract"], because: "both ends of the wire load it" },
  core: { may: ["contract", "core"], because: "core runs without an operating system" },
  adapters: { may: ["contract", "core", "adapters"], because: "only app chooses implementations" },
  app: { may: ["contract", "core", "adapters", "app"], because: "wiring knows everybody" },
  testing: { may: ["contract", "core", "testing"], because: "fakes and suites stand beside the ports" },
};

/** Libraries by room: contract knows zod; core knows node:crypto (and our own pure packages). */
const libraries: Record<string, RegExp> = {
  contract: /^zod($|\/)/,
  core: /^(node:(crypto|buffer|zlib|path\/posix)|@krater\/agent\/contract|zod($|\/))/,
};

interface Import {
  from: string;
  specifier: string;
  target: string;
}

const packages = ["agent", "controller-shim", "image-builder"];
const sources = packages.flatMap((name) => typescriptFiles(join(root, name, "src")));
const imports = sources.flatMap(importsOf);

test("the architecture test looks at the tree, not past it", () => {
  expect(sources.length).toBeGreaterThan(30);
  expect(imports.length).toBeGreaterThan(100);
});

test("imports point one way: contract <- core <- adapters <- app", () => {
  const wrong = imports
    .filter((each) => each.specifier.startsWith(".") && !each.target.endsWith(".json"))
    .filter((each) => !isTest(each.from))
    .filter((each) => !(rooms[roomOf(each.from)]?.may ?? []).includes(roomOf(each.target)))
    .map(
      (each) => `${show(each.from)} -> ${show(each.target)} (${rooms[roomOf(each.from)]?.because ?? "no such room"})`,
    );
  expect(wrong).toEqual([]);
});

test("adapters never import each other", () => {
  const folder = (file: string) => /\/src\/adapters\/((?:drivers\/)?[^/]+)/.exec(file)?.[1];
  const wrong = imports
    .filter((each) => each.specifier.startsWith(".") && !isTest(each.from))
    .filter((each) => !each.from.endsWith("/drivers/registry.ts")) // the one table that names every driver
    .filter((each) => folder(each.from) && folder(each.target) && folder(each.from) !== folder(each.target))
    .map((each) => `${show(each.from)} -> ${show(each.target)}`);
  expect(wrong).toEqual([]);
});

test("contract and core load no library that needs an operating system", () => {
  const wrong = imports
    .filter((each) => !each.specifier.startsWith(".") && !isTest(each.from))
    .filter((each) => libraries[roomOf(each.from)] && !libraries[roomOf(each.from)]?.test(each.specifier))
    .map((each) => `${show(each.from)} -> ${each.specifier}`);
  expect(wrong).toEqual([]);
});

test("packages meet through contract and testing only", () => {
  const shared = /^(test\/harness|scripts)\//; // what every package's tests may use
  const wrong = imports
    .filter((each) => !(isTest(each.from) && shared.test(show(each.target))))
    .filter((each) => each.specifier.startsWith("@krater/") || packageOf(each.target) !== packageOf(each.from))
    .filter((each) => !/^@krater\/[a-z-]+\/(contract|testing)$/.test(each.specifier))
    .map((each) => `${show(each.from)} -> ${each.specifier}`);
  expect(wrong).toEqual([]);
});

function typescriptFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name));
  } catch {
    return []; // a package of a later step
  }
}

function importsOf(file: string): Import[] {
  const { program, errors } = parseSync(file, readFileSync(file, "utf8"));
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  return program.body.flatMap((node): Import[] => {
    const source = "source" in node && node.source && "value" in node.source ? node.source.value : undefined;
    if (typeof source !== "string") return [];
    const target = source.startsWith(".") ? resolve(dirname(file), source) : file;
    return [{ from: file, specifier: source, target }];
  });
}

function roomOf(file: string): string {
  return /\/src\/([^/]+)\//.exec(file)?.[1] ?? "";
}

function packageOf(file: string): string {
  return relative(root, file).split("/")[0] ?? "";
}

function isTest(file: string): boolean {
  return file.endsWith(".test.ts");
}

function show(file: string): string {
  return relative(root, file);
}
