import { join } from "node:path";
import nunjucks from "nunjucks";
import { DriverError } from "../../../core/drivers/driver-error.ts";
import type { LoadBalancerTree } from "../../../core/store/load-balancer-tree.ts";
import { type ViewOptions, viewOf } from "./view.ts";

const templates = ["haproxy.cfg.njk", "frontend.njk", "backend.njk"];

/**
 * haproxy.cfg from the template files beside this one; a file of the same name in the operator's folder takes its
 * place. Compiled when built, so that a broken template is told at start and not with the first load balancer.
 */
export class HaproxyRenderer {
  readonly #environment: nunjucks.Environment;

  constructor(operatorFolder?: string) {
    const folders = [...(operatorFolder ? [operatorFolder] : []), join(import.meta.dirname, "templates")];
    this.#environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(folders), {
      autoescape: false, // HTML escaping would corrupt values; ./values.ts makes them harmless for haproxy
      throwOnUndefined: true,
      trimBlocks: true,
      lstripBlocks: true,
    });
    for (const name of templates) this.#environment.getTemplate(name, true);
  }

  render(tree: LoadBalancerTree, options: ViewOptions): string {
    const view = viewOf(tree, options);
    try {
      return this.#environment.render("haproxy.cfg.njk", view);
    } catch (cause) {
      throw new DriverError("other", `the haproxy templates failed: ${(cause as Error).message}`, { cause });
    }
  }
}
