import { CertificateStore } from "./certificate-store.ts";
import type { Certificates, LoadBalancers } from "./load-balancers.ts";
import { type LoadBalancerDependencies, StoredLoadBalancers } from "./stored-load-balancers.ts";

/** Everything about haproxy behind the API. `reconcile` once at start, before the first request is answered. */
export function createLoadBalancers(dependencies: LoadBalancerDependencies): {
  loadBalancers: LoadBalancers;
  certificates: Certificates;
  reconcile(): Promise<void>;
} {
  const loadBalancers = new StoredLoadBalancers(dependencies);
  return {
    loadBalancers,
    certificates: new CertificateStore(dependencies.files, dependencies.configuration),
    reconcile: () => loadBalancers.reconcile(),
  };
}
