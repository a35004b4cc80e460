import { createHash } from "node:crypto";
import type { LiveConfiguration } from "../configuration/agent-configuration.ts";
import type { KeyedLock } from "../keyed-lock.ts";
import type { Files } from "../system/files.ts";
import { requireCertificateName, requireIdentifier } from "./identifiers.ts";
import { layoutOf, pathsOf } from "./layout.ts";
import type { Certificates } from "./load-balancers.ts";

/** PEM files below the certificate folder, which is memory in an image: nothing else of ours may hold their bytes. */
export class CertificateStore implements Certificates {
  readonly #files: Files;
  readonly #configuration: LiveConfiguration;
  readonly #lock: KeyedLock;

  constructor(files: Files, configuration: LiveConfiguration, lock: KeyedLock) {
    this.#files = files;
    this.#configuration = configuration;
    this.#lock = lock;
  }

  async write(loadBalancerId: string, name: string, content: Buffer, signal: AbortSignal): Promise<void> {
    const path = this.#path(loadBalancerId, name);
    await this.#lock.hold(loadBalancerId, signal, () => this.#files.write(path, content, { mode: 0o600 }));
  }

  async md5(loadBalancerId: string, name: string): Promise<string | undefined> {
    const content = await this.#files.read(this.#path(loadBalancerId, name));
    return content && createHash("md5").update(content).digest("hex");
  }

  async delete(loadBalancerId: string, name: string, signal: AbortSignal): Promise<void> {
    const path = this.#path(loadBalancerId, name);
    await this.#lock.hold(loadBalancerId, signal, () => this.#files.remove(path));
  }

  #path(loadBalancerId: string, name: string): string {
    requireCertificateName(name);
    requireIdentifier(loadBalancerId);
    return `${pathsOf(layoutOf(this.#configuration.current()), loadBalancerId).certificates}/${name}`;
  }
}
