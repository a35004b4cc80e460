import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../../../test/harness/temporary-directory.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { LocalCertificateAuthority } from "./local-certificate-authority.ts";

const amphoraId = "6f0c3c1e-58a5-4a6e-9e55-0d9ad4b24ce1";
const DAY_MS = 86_400_000;

test.for([
  { name: "a missing key", damage: (pki: string) => rm(join(pki, "server_ca.key")), why: "server_ca.key is missing" },
  { name: "an empty certificate", damage: (pki: string) => writeFile(join(pki, "client.pem"), ""), why: "client.pem" },
  {
    name: "a truncated key",
    damage: async (pki: string) => {
      const path = join(pki, "client_ca.key");
      await writeFile(path, (await readFile(path, "utf8")).slice(0, 60), { mode: 0o600 });
    },
    why: "client_ca.key cannot be read as PEM",
  },
  {
    name: "a key of another certificate",
    damage: async (pki: string) => writeFile(join(pki, "client.key"), await readFile(join(pki, "client_ca.key"))),
    why: "client.key is not the key of client.pem",
  },
  {
    name: "a client certificate of another authority",
    damage: async (pki: string) => {
      const other = join(pki, "../other/pki");
      await LocalCertificateAuthority.open(other, new FakeClock());
      for (const name of ["client.pem", "client.key"]) {
        await writeFile(join(pki, name), await readFile(join(other, name)));
      }
    },
    why: "client.pem was not signed by client_ca.pem",
  },
  { name: "a key others can read", damage: (pki: string) => chmod(join(pki, "client.key"), 0o644), why: "by others" },
])("$name is a damaged authority, said with the folder and without the key", async ({ damage, why }) => {
  const pki = join(await temporaryDirectory(), "pki");
  await LocalCertificateAuthority.open(pki, new FakeClock());
  await damage(pki);
  const failure = await LocalCertificateAuthority.open(pki, new FakeClock()).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(Error);
  const { message } = failure as Error;
  expect(message).toContain(pki);
  expect(message).toContain(why);
  expect(message).not.toContain("BEGIN");
});

test("an authority whose certificates have ended says so", async () => {
  const pki = join(await temporaryDirectory(), "pki");
  const clock = new FakeClock();
  await LocalCertificateAuthority.open(pki, clock);
  clock.advance(3651 * DAY_MS);
  await expect(LocalCertificateAuthority.open(pki, clock)).rejects.toThrow("server_ca.pem ended at 20");
});

test("a creation that was interrupted is made anew, and leaves nothing", async () => {
  const folder = await temporaryDirectory();
  await mkdir(join(folder, ".pki.new-Xy12Zw"));
  await writeFile(join(folder, ".pki.new-Xy12Zw/server_ca.pem"), "-----BEGIN CERT");
  await LocalCertificateAuthority.open(join(folder, "pki"), new FakeClock());
  expect(await readdir(folder)).toEqual(["pki"]);
});

test("the keys can be read by the owner only", async () => {
  const pki = join(await temporaryDirectory(), "state/pki");
  await LocalCertificateAuthority.open(pki, new FakeClock());
  expect((await stat(pki)).mode & 0o777).toBe(0o700);
  const names = (await readdir(pki)).toSorted();
  expect(names).toEqual([
    "client.key",
    "client.pem",
    "client_ca.key",
    "client_ca.pem",
    "server_ca.key",
    "server_ca.pem",
  ]);
  for (const name of names) expect((await stat(join(pki, name))).mode & 0o777).toBe(0o600);
});

test("an authority opened again is the same one", async () => {
  const pki = join(await temporaryDirectory(), "pki");
  const first = await LocalCertificateAuthority.open(pki, new FakeClock());
  const again = await LocalCertificateAuthority.open(pki, new FakeClock());
  expect(again.clientCaPem).toBe(first.clientCaPem);
  expect(again.serverCaPem).toBe(first.serverCaPem);
  expect(again.client).toEqual(first.client);
  expect(first.clientCaPem).not.toBe(first.serverCaPem);
});

test("an amphora's certificate carries its id, for a server, for thirty days, and is valid an hour ago", async () => {
  const clock = new FakeClock();
  const authority = await LocalCertificateAuthority.open(join(await temporaryDirectory(), "pki"), clock);
  const { pem, notAfter } = await authority.issueAmphoraCertificate(amphoraId);
  const certificate = new X509Certificate(pem);
  expect(certificate.subject).toBe(`CN=${amphoraId}`);
  expect(certificate.subjectAltName).toBe(`DNS:${amphoraId}`);
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(certificate.ca).toBe(false);
  expect(certificate.validFromDate.getTime()).toBe(clock.nowMs() - 3_600_000);
  expect(certificate.validToDate.getTime()).toBe(clock.nowMs() + 30 * DAY_MS);
  expect(notAfter.getTime()).toBe(certificate.validToDate.getTime());
  expect(certificate.verify(new X509Certificate(authority.serverCaPem).publicKey)).toBe(true);
  expect(pem.indexOf("BEGIN CERTIFICATE")).toBeLessThan(pem.indexOf("BEGIN PRIVATE KEY"));
});

test("the controller's certificate carries its role, for a client", async () => {
  const authority = await LocalCertificateAuthority.open(join(await temporaryDirectory(), "pki"), new FakeClock());
  const certificate = new X509Certificate(authority.client.certificatePem);
  expect(certificate.subjectAltName).toBe("URI:urn:krater:role:controller");
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
});
