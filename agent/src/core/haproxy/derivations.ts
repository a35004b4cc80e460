import type { OpenFilesLimit } from "../services/open-files.ts";
import { parseSections } from "./configuration-sections.ts";
import { type Derivation, type DerivationFacts, deriveRunningConfiguration } from "./derive-running-configuration.ts";
import { type ConfigurationSummary, summarize } from "./listeners.ts";
import type { LoadBalancerStore } from "./load-balancer-store.ts";

interface Made {
  text: string;
  facts: DerivationFacts;
  derived: Derivation;
}

/**
 * Derivations of stored texts. The newest one is kept until it is taken: a controller applies what it has just
 * uploaded, and reading a thousand members twice would be felt.
 */
export class Derivations {
  readonly #store: LoadBalancerStore;
  readonly #openFiles: OpenFilesLimit;
  #newest: Made | undefined;

  constructor(dependencies: { store: LoadBalancerStore; openFiles: OpenFilesLimit }) {
    this.#store = dependencies.store;
    this.#openFiles = dependencies.openFiles;
  }

  /** For an upload: read once, for the derivation and for what it says about itself. */
  async make(text: string): Promise<{ derived: Derivation; summary: ConfigurationSummary }> {
    const facts = await this.#facts();
    const sections = parseSections(text.split("\n"));
    const derived = deriveRunningConfiguration(text, facts, sections);
    this.#newest = { text, facts, derived };
    return { derived, summary: summarize(text, sections) };
  }

  /** For an action. */
  async take(text: string): Promise<Derivation> {
    const facts = await this.#facts();
    const made = this.#newest;
    const { openFilesLimit, maxconnOverLimit } = facts;
    if (made?.text !== text) return deriveRunningConfiguration(text, facts);
    this.#newest = undefined;
    const same = made.facts.openFilesLimit === openFilesLimit && made.facts.maxconnOverLimit === maxconnOverLimit;
    return same ? made.derived : deriveRunningConfiguration(text, facts);
  }

  async #facts(): Promise<DerivationFacts> {
    const { maxconnOverLimit } = this.#store.configuration.krater;
    return { openFilesLimit: await this.#openFiles.limit(), maxconnOverLimit };
  }
}
