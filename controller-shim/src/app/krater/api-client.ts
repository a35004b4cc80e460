/** The shim's HTTP API as its own command line uses it: Octavia's v2, and the overview under /krater/v1. */
export class ApiClient {
  readonly url: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  constructor(options: { url: string; token?: string | undefined; timeoutMs?: number }) {
    this.url = options.url.replace(/\/+$/, "");
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
    return this.#call("GET", path, undefined, signal) as Promise<Answer>;
  }

  post<Answer>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
    return this.#call("POST", path, body, signal) as Promise<Answer>;
  }

  put<Answer>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
    return this.#call("PUT", path, body, signal) as Promise<Answer>;
  }

  async delete(path: string, signal?: AbortSignal): Promise<void> {
    await this.#call("DELETE", path, undefined, signal);
  }

  async #call(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(this.#token === undefined ? {} : { "x-auth-token": this.#token }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw new ApiUnreachable(this.url, deadline.aborted ? `no answer within ${this.#timeoutMs} ms` : causeOf(error));
    }
    const answer = parseJson(text);
    if (status >= 400) throw new ApiRefused(status, wordsOf(answer) ?? `status ${status}`);
    if (text !== "" && answer === undefined)
      throw new ApiRefused(status, "the answer is no JSON: is this a Krater API?");
    return answer;
  }
}

/** Nobody answers at the URL. */
export class ApiUnreachable extends Error {
  constructor(url: string, why: string) {
    super(`no Krater API at ${url}: ${why}`);
    this.name = "ApiUnreachable";
  }
}

/** The API said no, in its own words. */
export class ApiRefused extends Error {
  readonly status: number;

  constructor(status: number, words: string) {
    super(words);
    this.name = "ApiRefused";
    this.status = status;
  }
}

/** Octavia's `faultstring`, or the `detail`/`title` of a problem document (RFC 9457). */
function wordsOf(answer: unknown): string | undefined {
  const body = (answer ?? {}) as Record<string, unknown>;
  return [body["faultstring"], body["detail"], body["title"]].find((each) => typeof each === "string");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** fetch says only "fetch failed"; the reason is its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  if (cause?.code === "ECONNREFUSED") return "connection refused";
  return cause?.message || (error instanceof Error ? error.message : String(error));
}
