import { createPrivateKey, X509Certificate } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createSecureContext } from "node:tls";
import { AgentError } from "../../core/agent-error.ts";
import { ConfigurationError } from "../../core/configuration/configuration-error.ts";
import type { EventSink } from "../../core/events/agent-events.ts";
import { KeyedLock } from "../../core/keyed-lock.ts";
import type { Log } from "../../core/log.ts";
import { messageOf } from "../../core/message-of.ts";
import type { Files } from "../../core/system/files.ts";

/** What a TLS context is made of. `pem` holds the certificate chain, then the key, as Octavia injects it. */
interface Material {
  pem: Buffer;
  ca: Buffer;
  notAfter: string;
  sha256: string;
}

export interface ServerIdentityDependencies {
  /** `agent_server_cert` and `agent_server_ca`. */
  paths: { certificate: string; ca: string };
  files: Pick<Files, "write">;
  events: EventSink;
  log: Log;
}

/** An editor or a copy touches a file several times: look when it has been quiet for so long. */
const SETTLE_MS = 100;
/** Where the kernel will not watch (inotify limits, some network file systems), look this often. */
const POLL_MS = 5_000;
const LOOK_WITHIN_MS = 30_000;

/**
 * The agent's server certificate and the authority its clients need. Follows the files: a new pair is in force for the
 * next connection; one that does not fit together is refused, said, and the old pair stays.
 */
export class ServerIdentity {
  readonly #deps: ServerIdentityDependencies;
  readonly #watchers: FSWatcher[] = [];
  /** One look at a time: a slow one must not put an old pair over a new one. */
  readonly #lock = new KeyedLock();
  #material: Material;
  #replaced: (() => void) | undefined;
  #settling: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;

  private constructor(deps: ServerIdentityDependencies, material: Material) {
    this.#deps = deps;
    this.#material = material;
  }

  /** Throws ConfigurationError when the files are not there or do not fit together: there is no old pair to keep. */
  static async load(deps: ServerIdentityDependencies): Promise<ServerIdentity> {
    const [pair, authorities] = await Promise.all([readPair(deps.paths.certificate), readAuthorities(deps.paths.ca)]);
    return new ServerIdentity(deps, { ...pair, ...authorities });
  }

  /** For `https.createServer` and `setSecureContext`. */
  tlsOptions(): { cert: Buffer; key: Buffer; ca: Buffer } {
    return { cert: this.#material.pem, key: this.#material.pem, ca: this.#material.ca };
  }

  describe(): { notAfter: string; sha256: string } {
    return { notAfter: this.#material.notAfter, sha256: this.#material.sha256 };
  }

  /** `PUT /1.0/certificate`: checked, stored, and in force before the answer leaves. */
  async replace(content: Buffer, signal: AbortSignal): Promise<void> {
    const { paths, files } = this.#deps;
    try {
      checkPair(content, paths.certificate);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      throw new AgentError("bad-request", `The certificate is refused, the old one stays: ${error.reason}.`);
    }
    await this.#lock.hold("files", signal, async () => {
      await files.write(paths.certificate, content, { mode: 0o600 });
      await this.#look();
    });
  }

  /** Looks at the files now. What cannot be used is logged and changes nothing. */
  async refresh(): Promise<void> {
    try {
      await this.#lock.hold("files", AbortSignal.timeout(LOOK_WITHIN_MS), () => this.#look());
    } catch (error) {
      this.#refused(error);
    }
  }

  /** Each file for itself: a broken authority file must not hold up a new certificate. */
  async #look(): Promise<void> {
    const { paths, log, events } = this.#deps;
    const before = this.#material;
    const refused = (error: unknown) => this.#refused(error);
    const pair = (await readPair(paths.certificate).catch(refused)) ?? before;
    const { ca } = (await readAuthorities(paths.ca).catch(refused)) ?? before;
    if (pair.pem.equals(before.pem) && ca.equals(before.ca)) return;
    this.#material = { ...pair, ca };
    this.#replaced?.();
    const { notAfter, sha256 } = pair;
    log.info({ event: "certificate.replaced", notAfter, sha256 }, "certificate or client authority replaced");
    events.publish("certificate.replaced", { notAfter });
  }

  #refused(error: unknown): void {
    const reason = messageOf(error);
    this.#deps.log.error({ event: "certificate.refused", reason }, "certificate file refused, the old one stays");
  }

  /** Follows the files until `stop`; `replaced` is called each time a new pair is in force. */
  follow(replaced: () => void): void {
    this.#replaced = replaced;
    const { paths, log } = this.#deps;
    // Folders, not files: a file replaced by rename is another inode.
    for (const folder of new Set([dirname(paths.certificate), dirname(paths.ca)])) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#settle());
        watcher.on("error", (error) => this.#pollInstead(error));
        this.#watchers.push(watcher);
      } catch (error) {
        this.#pollInstead(error);
      }
    }
    log.debug({ event: "certificate.watched", ...paths }, "following certificate files");
  }

  stop(): void {
    this.#replaced = undefined;
    for (const watcher of this.#watchers) watcher.close();
    clearTimeout(this.#settling);
    clearInterval(this.#poll);
  }

  #settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.refresh(), SETTLE_MS).unref();
  }

  #pollInstead(error: unknown): void {
    if (this.#poll) return;
    const reason = messageOf(error);
    this.#deps.log.warn({ event: "certificate.unwatched", reason }, `looking every ${POLL_MS} ms instead`);
    this.#poll = setInterval(() => void this.refresh(), POLL_MS).unref();
  }
}

async function readPair(path: string): Promise<Omit<Material, "ca">> {
  const pem = await read(path);
  const leaf = checkPair(pem, path);
  return { pem, notAfter: leaf.validToDate.toISOString(), sha256: leaf.fingerprint256 };
}

async function readAuthorities(path: string): Promise<Pick<Material, "ca">> {
  const ca = await read(path);
  checkAuthorities(ca, path);
  return { ca };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ConfigurationError(path, undefined, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** The leaf certificate of a PEM whose key belongs to it, ready for OpenSSL; throws ConfigurationError otherwise. */
function checkPair(pem: Buffer, path: string): X509Certificate {
  const fail = (reason: string) => new ConfigurationError(path, undefined, reason);
  const leaf = attempt(() => new X509Certificate(pem));
  if (!leaf) throw fail("no certificate in PEM form");
  const key = attempt(() => createPrivateKey(pem));
  if (!key) throw fail("no private key in PEM form after the certificate");
  if (!leaf.checkPrivateKey(key)) throw fail("the private key does not belong to the certificate");
  if (!attempt(() => createSecureContext({ cert: pem, key: pem }))) throw fail("OpenSSL refuses certificate or key");
  return leaf;
}

/** Every certificate of the bundle has to parse: half a bundle would lock out half of the controllers. */
function checkAuthorities(pem: Buffer, path: string): void {
  const text = pem.toString("latin1");
  const blocks = text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END/g) ?? [];
  const begun = text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/g) ?? [];
  const fail = (reason: string) => new ConfigurationError(path, undefined, reason);
  if (begun.length === 0) throw fail("no certificate in PEM form");
  const whole = blocks.every((block) => attempt(() => new X509Certificate(`${block} CERTIFICATE-----\n`)));
  if (blocks.length !== begun.length || !whole) throw fail("not every certificate in it can be read");
  if (!attempt(() => createSecureContext({ ca: pem }))) throw fail("OpenSSL refuses the certificate authority");
}

function attempt<Value>(make: () => Value): Value | undefined {
  try {
    return make();
  } catch {
    return undefined; // the reason is OpenSSL's, unreadable to people, and could quote the key
  }
}
