// Installs what is missing: Debian packages, then `npm ci`. Plain JavaScript for whatever Node >= 20 the machine has;
// everything after it runs on the Node that package-lock.json names. Costs well under a second when nothing is missing.
//   node scripts/setup.mjs run | test | bench
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const purpose = process.argv[2] ?? "run";
const command = { run: "npm start", test: "npm test", bench: "npm run bench" }[purpose] ?? `npm run ${purpose}`;

/** What proves a package is there, and the Debian package that brings it. */
const running = [
  [program("haproxy"), "haproxy"],
  [program("ip"), "iproute2"],
  [program("unshare"), "util-linux"],
  [program("openssl"), "openssl"],
];
const testing = [
  ...running,
  [program("openstack"), "python3-openstackclient"],
  [existsSync("/usr/lib/python3/dist-packages/octaviaclient"), "python3-octaviaclient"],
  [existsSync("/usr/lib/python3/dist-packages/openstack"), "python3-openstacksdk"],
  [program("curl"), "curl"],
];
const wanted = purpose === "run" ? running : testing;

if (purpose === "modules") {
  if (!nodeModulesAreCurrent()) quiet("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], process.env);
  linkNode();
  process.exit(0);
}
if (process.getuid?.() !== 0) stop(`${command} makes network namespaces and needs root: run  sudo ${command}`);

const missing = [...new Set(wanted.filter(([there]) => !there).map(([, name]) => name))];
if (missing.length > 0) installPackages(missing);
installNodeModules();

function installPackages(names) {
  const system = operatingSystem();
  if (system.id !== "debian" || !["12", "13"].includes(system.version)) {
    stop(`this is ${system.name}, and packages are installed by themselves on Debian 12 and 13 only.
Install what these Debian packages hold, then run ${command} again: ${names.join(" ")}`);
  }
  console.log(`krater setup: installing Debian packages: ${names.join(" ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Services of these packages are of no use here: a policy that refuses starts keeps the machine as it was.
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    quiet("apt-get", ["update", "-q"], environment);
    quiet("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...names], environment);
  } finally {
    if (ours) spawnSync("rm", ["-f", policy]);
  }
}

function installNodeModules() {
  if (nodeModulesAreCurrent()) return;
  console.log("krater setup: installing node modules (npm ci)");
  // Two set-ups at once would each take the other's modules away: the second waits, then finds them current.
  quiet("flock", ["-w", "900", "package-lock.json", process.execPath, "scripts/setup.mjs", "modules"], process.env);
}

/** npm writes its hidden lock file last: what it lists is there, whole. Optional platform packages may be missing. */
function nodeModulesAreCurrent() {
  if (!existsSync(join(root, "node_modules/.bin/node"))) return false;
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const there = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      path === "" || !path.startsWith("node_modules/") || optional || link || there[path]?.version === version,
  );
}

/** npm 9 leaves out the links of some optional packages, and `npm run` would go on with the system's own Node. */
function linkNode() {
  const link = join(root, "node_modules/.bin/node");
  const name = `node-linux-${process.arch}`;
  if (existsSync(link)) return;
  if (!existsSync(join(root, "node_modules", name)))
    stop(`there is no Node 24 for ${process.arch} in package-lock.json`);
  symlinkSync(`../${name}/bin/node`, link);
}

/** Runs a program, shows its output only when it fails. */
function quiet(name, args, env) {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return;
  stop(`${name} ${args.join(" ")} failed:\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
}

function program(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function operatingSystem() {
  const text = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const value = (key) => new RegExp(`^${key}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { id: value("ID"), version: value("VERSION_ID"), name: value("PRETTY_NAME") || process.platform };
}

function stop(message) {
  console.error(`krater setup: ${message}`);
  process.exit(1);
}
