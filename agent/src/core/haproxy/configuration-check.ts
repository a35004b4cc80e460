/** haproxy's own judgement of files. */
export interface ConfigurationCheck {
  /** `words`: everything haproxy said. Throws `haproxy-missing`; `action-failed` when haproxy did not answer in time. */
  check(request: CheckRequest, signal: AbortSignal): Promise<{ ok: boolean; words: string }>;
}

export interface CheckRequest {
  files: readonly string[];
  peer: string;
}
