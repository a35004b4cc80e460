import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import type { ServiceManager } from "../services/service-manager.ts";
import type { StagedFile } from "../system/files.ts";
import type { ConfigurationCheck } from "./configuration-check.ts";
import type { Derivations } from "./derivations.ts";
import type { HaproxyProcess } from "./haproxy-process.ts";
import { haproxyService } from "./haproxy-service.ts";
import { peerName } from "./identifiers.ts";
import { composeLineMaps, translateWords } from "./line-map.ts";
import type { ConfigurationSummary } from "./listeners.ts";
import type { LoadBalancerStore } from "./load-balancer-store.ts";
import type { UploadRequest } from "./load-balancers.ts";
import { stripGroup } from "./strip-group.ts";

export interface UploadDependencies {
  store: LoadBalancerStore;
  process: HaproxyProcess;
  check: ConfigurationCheck;
  services: ServiceManager;
  derivations: Derivations;
  log: Log;
}

/** Octavia's largest configuration has 7,000 lines of at most 1 KiB. What exceeds these costs memory to take apart. */
const MOST_LINES = 100_000;
const LONGEST_LINE_BYTES = 256 * 1024;

/** Checks a configuration as haproxy would run it, then stores it as it came. The running haproxy is not touched. */
export class ConfigurationUpload {
  readonly #do: UploadDependencies;

  constructor(dependencies: UploadDependencies) {
    this.#do = dependencies;
  }

  async upload(request: UploadRequest, signal: AbortSignal): Promise<ConfigurationSummary> {
    const { store, services, process } = this.#do;
    const id = request.loadBalancerId;
    const peer = peerName(request.amphoraId);
    const excess = excessOf(request.configuration);
    if (excess) {
      const details = `${store.paths(id).candidate}:${excess.line}: ${excess.reason}`;
      throw new AgentError("config-invalid", "the configuration is too long", { details });
    }
    const stripped = stripGroup(request.configuration.toString("latin1"));
    const { text } = stripped;

    const { derived, summary } = await this.#do.derivations.make(text);
    if (!derived.ok) {
      const line = stripped.lineMap[derived.line - 1] ?? derived.line;
      throw await this.#refused(id, text, `${store.paths(id).candidate}:${line}: ${derived.reason}`);
    }

    // The stored file is written while haproxy reads the candidate: both are on the way of every change.
    let staged: StagedFile | undefined;
    try {
      await Promise.all([store.ensureGroupFile(), store.writeCandidate(id, derived.text)]);
      const staging = store.stageUpload(id, text);
      const { candidate } = store.paths(id);
      const checking = this.#do.check.check({ files: [candidate, store.layout.groupFile], peer }, signal);
      const [stagedResult, checked] = await Promise.allSettled([staging, checking]);
      if (stagedResult.status === "fulfilled") staged = stagedResult.value;
      if (checked.status === "rejected") throw checked.reason;
      if (!checked.value.ok) {
        const lineMap = composeLineMaps(stripped.lineMap, derived.lineMap);
        throw await this.#refused(id, text, translateWords(checked.value.words, candidate, candidate, lineMap));
      }
      if (stagedResult.status === "rejected") throw stagedResult.reason;
      await store.keepPeer(id, peer);
      await stagedResult.value.commit();
      staged = undefined;
    } finally {
      await staged?.discard();
      await store.removeCandidate(id).catch((error: unknown) => this.#warn(id, error));
    }

    await services.install(haproxyService(store, process, { id, peer }), AbortSignal.timeout(60_000));
    return summary;
  }

  async #refused(id: string, text: string, words: string): Promise<AgentError> {
    await this.#do.store.writeRejected(id, text).catch((error: unknown) => this.#warn(id, error));
    return new AgentError("config-invalid", "haproxy refuses this configuration", { details: words });
  }

  #warn(loadBalancerId: string, error: unknown): void {
    this.#do.log.warn({ event: "load-balancer.not-tidied", loadBalancerId, error }, "a side file was not written");
  }
}

function excessOf(content: Buffer): { line: number; reason: string } | undefined {
  let line = 1;
  for (let start = 0; start < content.length; line++) {
    if (line > MOST_LINES) return { line, reason: `more than ${MOST_LINES} lines` };
    const end = content.indexOf("\n", start);
    const next = end === -1 ? content.length : end + 1;
    if (next - start > LONGEST_LINE_BYTES) return { line, reason: `a line longer than ${LONGEST_LINE_BYTES} bytes` };
    start = next;
  }
  return undefined;
}
