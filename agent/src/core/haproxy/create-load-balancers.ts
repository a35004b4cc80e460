import { KeyedLock } from "../keyed-lock.ts";
import { CertificateStore } from "./certificate-store.ts";
import type { Certificates, LoadBalancers } from "./load-balancers.ts";
import { type LoadBalancerDependencies, StoredLoadBalancers } from "./stored-load-balancers.ts";

/** Everything about haproxy behind the API. `reconcile` once at start, before the first request is answered. */
export function createLoadBalancers(dependencies: LoadBalancerDependencies): {
  loadBalancers: LoadBalancers;
  certificates: Certificates;
  reconcile(): Promise<void>;
} {
  const lock = new KeyedLock();
  const loadBalancers = new StoredLoadBalancers(dependencies, lock);
  return {
    loadBalancers,
    certificates: new CertificateStore(dependencies.files, dependencies.configuration, lock),
    reconcile: () => loadBalancers.reconcile(),
  };
}
