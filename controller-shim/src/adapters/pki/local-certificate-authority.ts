import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock } from "../../core/clock.ts";
import type { CertificateAuthority } from "../../core/drivers/certificate-authority.ts";
import { createAuthority, type Identity, issueCertificate } from "./certificates.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The amphora's clock may be behind ours. */
const BACKDATE_MS = HOUR_MS;
const AMPHORA_CERTIFICATE_DAYS = 30;
const AUTHORITY_DAYS = 3650;
const CONTROLLER_COMMON_NAME = "krater-controller";
const CONTROLLER_ROLE = "urn:krater:role:controller";

const names = { serverCa: "server_ca", clientCa: "client_ca", client: "client" } as const;
type Identities = Record<keyof typeof names, Identity>;

/**
 * Two authorities (one for what amphorae show, one for what the controller shows, as Octavia recommends) and the
 * controller's certificate, in a folder only its owner may enter. The folder appears whole, by one rename: what a
 * crash leaves half-made has another name, nothing was issued by it, and the next start makes it anew.
 */
export class LocalCertificateAuthority implements CertificateAuthority {
  readonly clientCaPem: string;
  readonly serverCaPem: string;
  readonly client: { certificatePem: string; privateKeyPem: string };
  readonly #serverCa: Identity;
  readonly #clock: Clock;

  private constructor(identities: Identities, clock: Clock) {
    this.clientCaPem = identities.clientCa.certificatePem;
    this.serverCaPem = identities.serverCa.certificatePem;
    this.client = identities.client;
    this.#serverCa = identities.serverCa;
    this.#clock = clock;
  }

  static async open(folder: string, clock: Clock): Promise<LocalCertificateAuthority> {
    const parent = dirname(folder);
    await mkdir(parent, { recursive: true, mode: 0o700 });
    await removeHalfMade(folder);
    if (!(await exists(folder))) await createFolder(folder, clock);
    return new LocalCertificateAuthority(await load(folder, clock), clock);
  }

  async issueAmphoraCertificate(amphoraId: string): Promise<{ pem: string; notAfter: Date }> {
    const period = periodOf(this.#clock, AMPHORA_CERTIFICATE_DAYS);
    const { certificatePem, privateKeyPem } = await issueCertificate(this.#serverCa, {
      commonName: amphoraId,
      alternativeNames: [{ type: "dns", value: amphoraId }],
      usage: "serverAuth",
      ...period,
    });
    return { pem: certificatePem + privateKeyPem, notAfter: period.notAfter };
  }
}

function periodOf(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  // Certificates know whole seconds.
  const nowMs = Math.floor(clock.nowMs() / 1000) * 1000;
  return { notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

async function createFolder(folder: string, clock: Clock): Promise<void> {
  const period = periodOf(clock, AUTHORITY_DAYS);
  const serverCa = await createAuthority("krater amphora CA", period);
  const clientCa = await createAuthority("krater controller CA", period);
  const client = await issueCertificate(clientCa, {
    commonName: CONTROLLER_COMMON_NAME,
    alternativeNames: [{ type: "url", value: CONTROLLER_ROLE }],
    usage: "clientAuth",
    ...period,
  });
  const half = await mkdtemp(halfMadePrefix(folder)); // 0700
  for (const [key, identity] of Object.entries({ serverCa, clientCa, client } satisfies Identities)) {
    const name = names[key as keyof Identities];
    await writeDurably(join(half, `${name}.pem`), identity.certificatePem);
    await writeDurably(join(half, `${name}.key`), identity.privateKeyPem);
  }
  await synchronise(half);
  await rename(half, folder);
  await synchronise(dirname(folder));
}

async function load(folder: string, clock: Clock): Promise<Identities> {
  const read = async (name: string): Promise<Identity> => ({
    certificatePem: await readPart(folder, `${name}.pem`, (text) => new X509Certificate(text)),
    privateKeyPem: await readPart(folder, `${name}.key`, (text) => createPrivateKey(text)),
  });
  const identities: Identities = {
    serverCa: await read(names.serverCa),
    clientCa: await read(names.clientCa),
    client: await read(names.client),
  };
  for (const [key, identity] of Object.entries(identities)) {
    const name = names[key as keyof Identities];
    const certificate = new X509Certificate(identity.certificatePem);
    if (!certificate.checkPrivateKey(createPrivateKey(identity.privateKeyPem))) {
      throw damaged(folder, `${name}.key is not the key of ${name}.pem`);
    }
    if (certificate.validToDate.getTime() <= clock.nowMs()) {
      throw damaged(folder, `${name}.pem ended at ${certificate.validToDate.toISOString()}`);
    }
  }
  const clientCa = new X509Certificate(identities.clientCa.certificatePem);
  if (!new X509Certificate(identities.client.certificatePem).verify(clientCa.publicKey)) {
    throw damaged(folder, "client.pem was not signed by client_ca.pem");
  }
  return identities;
}

async function readPart(folder: string, name: string, parse: (text: string) => unknown): Promise<string> {
  const path = join(folder, name);
  const file = await stat(path).catch((cause: unknown) => {
    throw damaged(folder, `${name} is missing`, { cause });
  });
  if (name.endsWith(".key") && (file.mode & 0o077) !== 0) {
    throw damaged(folder, `${name} can be read by others (chmod 600 it, if nobody did)`);
  }
  const text = await readFile(path, "utf8");
  try {
    parse(text);
  } catch {
    throw damaged(folder, `${name} cannot be read as PEM`); // without the cause: it might quote the key
  }
  return text;
}

function damaged(folder: string, why: string, options?: ErrorOptions): Error {
  return new Error(
    `the certificate authority in ${folder} is damaged: ${why}. Bring it back from a backup, or remove the folder: a ` +
      "new one is made at the next start, and amphorae that trust the old one have to be replaced",
    options,
  );
}

function halfMadePrefix(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.new-`);
}

async function removeHalfMade(folder: string): Promise<void> {
  const prefix = basename(halfMadePrefix(folder));
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(prefix)) await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function synchronise(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}
