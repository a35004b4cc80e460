import { createHash } from "node:crypto";
import type { LiveConfiguration } from "../configuration/agent-configuration.ts";
import type { Files } from "../system/files.ts";
import { requireCertificateName, requireIdentifier } from "./identifiers.ts";
import { layoutOf, pathsOf } from "./layout.ts";
import type { Certificates } from "./load-balancers.ts";

/** PEM files below the certificate folder, which is memory in an image: nothing else of ours may hold their bytes. */
export class CertificateStore implements Certificates {
  readonly #files: Files;
  readonly #configuration: LiveConfiguration;

  constructor(files: Files, configuration: LiveConfiguration) {
    this.#files = files;
    this.#configuration = configuration;
  }

  async write(loadBalancerId: string, name: string, content: Buffer): Promise<void> {
    await this.#files.write(this.#path(loadBalancerId, name), content, { mode: 0o600 });
  }

  async md5(loadBalancerId: string, name: string): Promise<string | undefined> {
    const content = await this.#files.read(this.#path(loadBalancerId, name));
    return content && createHash("md5").update(content).digest("hex");
  }

  async delete(loadBalancerId: string, name: string): Promise<void> {
    await this.#files.remove(this.#path(loadBalancerId, name));
  }

  #path(loadBalancerId: string, name: string): string {
    requireCertificateName(name);
    requireIdentifier(loadBalancerId);
    return `${pathsOf(layoutOf(this.#configuration.current()), loadBalancerId).certificates}/${name}`;
  }
}
