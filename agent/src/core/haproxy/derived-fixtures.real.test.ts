import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestCertificateAuthority } from "../../../../test/harness/certificates.ts";
import { amphoraId } from "../../../../test/harness/haproxy.ts";
import { hasSharedFixtures, hasTool, sharedFixtures } from "../../../../test/harness/tools.ts";
import { deriveRunningConfiguration } from "./derive-running-configuration.ts";
import { peerName } from "./identifiers.ts";
import { GROUP_FILE_TEXT } from "./layout.ts";
import { stripGroup } from "./strip-group.ts";

const run = promisify(execFile);
const runnable = hasSharedFixtures && hasTool("haproxy") && hasTool("openssl");
const names = hasSharedFixtures
  ? (await readdir(join(sharedFixtures, "haproxy"))).filter((name) => name.endsWith(".cfg"))
  : [];

describe.skipIf(!runnable)("what is derived from a real controller's configurations", () => {
  let base: string;
  let pem: string;
  let ca: string;
  let crl: string;

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), "kt-"));
    const authority = await TestCertificateAuthority.create(join(base, "ca"));
    const certificate = await authority.issue("www.example.org");
    pem = certificate.certificatePem + certificate.keyPem;
    ca = await readFile(authority.caPath, "utf8");
    crl = await emptyRevocationList(join(base, "ca"));
    await writeFile(join(base, "group.conf"), GROUP_FILE_TEXT);
  });
  afterAll(() => rm(base, { recursive: true, force: true }));

  test.for(names)("%s passes haproxy -c", async (name) => {
    const original = await readFile(join(sharedFixtures, "haproxy", name), "latin1");
    const text = original.replaceAll("/var/lib/octavia/", `${base}/`);
    await stubFiles(text);
    const derived = deriveRunningConfiguration(stripGroup(text).text, {
      openFilesLimit: 20_000,
      maxconnOverLimit: "cap",
    });
    if (!derived.ok) throw new Error(derived.reason);
    const file = join(base, name);
    await writeFile(file, derived.text, "latin1");
    const files = ["-f", file, "-f", join(base, "group.conf")];
    const { stderr } = await run("haproxy", ["-c", "-L", peerName(amphoraId), ...files]);
    expect(stderr).not.toContain("idle-close-on-response");
    expect(stderr).not.toContain("Removing incomplete section");
  });

  /** The files a controller would have pushed before: certificate lists, certificates, CAs, revocation lists. */
  async function stubFiles(text: string): Promise<void> {
    const write = async (path: string, content: string): Promise<void> => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    };
    for (const [, kind, path = ""] of text.matchAll(/ (crt-list|crt|ca-file|crl-file) (\S+)/g)) {
      if (kind === "crt-list") {
        await write(join(base, "listed.pem"), pem);
        await write(path, `${join(base, "listed.pem")}\n`);
      } else await write(path, { crt: pem, "ca-file": ca, "crl-file": crl }[kind ?? ""] ?? "");
    }
  }
});

/** Of the authority in the folder; haproxy wants a real one. */
async function emptyRevocationList(folder: string): Promise<string> {
  const settings = join(folder, "crl.cnf");
  await writeFile(join(folder, "index.txt"), "");
  await writeFile(settings, `[ca]\ndefault_ca = x\n[x]\ndatabase = ${folder}/index.txt\ndefault_md = sha256\n`);
  const signer = ["-keyfile", join(folder, "ca.key"), "-cert", join(folder, "ca.pem")];
  const { stdout } = await run("openssl", ["ca", "-gencrl", "-config", settings, "-crldays", "2", ...signer]);
  return stdout;
}
