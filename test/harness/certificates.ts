import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface TestCertificate {
  certificatePath: string;
  keyPath: string;
  certificatePem: string;
  keyPem: string;
}

/** A certificate authority in a folder, made by openssl as a stock deployment's would be (RSA-2048). */
export class TestCertificateAuthority {
  readonly folder: string;
  readonly caPath: string;
  readonly #caKeyPath: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.caPath = join(folder, "ca.pem");
    this.#caKeyPath = join(folder, "ca.key");
  }

  static async create(folder: string, name = "test CA"): Promise<TestCertificateAuthority> {
    await mkdir(folder, { recursive: true });
    const authority = new TestCertificateAuthority(folder);
    await run("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`],
      ...["-keyout", authority.#caKeyPath, "-out", authority.caPath],
    ]);
    return authority;
  }

  /** One that `create` made, from its files. */
  static open(folder: string): TestCertificateAuthority {
    return new TestCertificateAuthority(folder);
  }

  /** `san` in openssl's notation: `DNS:<amphora id>`, `URI:urn:krater:role:reader`. Empty: no SAN at all. */
  async issue(commonName: string, san: readonly string[] = [], fileName = commonName): Promise<TestCertificate> {
    const base = join(this.folder, fileName);
    const extensions = san.length > 0 ? `subjectAltName=${san.join(",")}\n` : "basicConstraints=CA:FALSE\n";
    await writeFile(`${base}.ext`, extensions);
    await run("openssl", [
      ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${commonName}`],
      ...["-keyout", `${base}.key`, "-out", `${base}.csr`],
    ]);
    // Traditional PKCS#1 framing, as Octavia's own generator writes it.
    await run("openssl", ["rsa", "-traditional", "-in", `${base}.key`, "-out", `${base}.key`]);
    await run("openssl", [
      ...["x509", "-req", "-days", "1", "-CA", this.caPath, "-CAkey", this.#caKeyPath, "-CAcreateserial"],
      ...["-extfile", `${base}.ext`, "-in", `${base}.csr`, "-out", `${base}.pem`],
    ]);
    return {
      certificatePath: `${base}.pem`,
      keyPath: `${base}.key`,
      certificatePem: await readFile(`${base}.pem`, "utf8"),
      keyPem: await readFile(`${base}.key`, "utf8"),
    };
  }
}
