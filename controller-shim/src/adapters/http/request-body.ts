import { ApiFault } from "../../core/api/fault.ts";

/** A whole load balancer, or a whole membership, in one body. */
export const TREE_BODY_MAX_BYTES = 1024 * 1024;
export const BODY_MAX_BYTES = 64 * 1024;

/** Reads no more than it may, whatever Content-Length says. */
export async function readJson(request: Request, maximumBytes: number): Promise<unknown> {
  const bytes = await readAll(request, maximumBytes);
  if (bytes.length === 0) throw new ApiFault("invalid", "A JSON body is missing.");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ApiFault("invalid", "The request body is not valid JSON.", { cause: error });
  }
}

async function readAll(request: Request, maximumBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new ApiFault("too-large", `The request body is larger than ${maximumBytes} bytes.`);
  if (Number(request.headers.get("content-length") ?? "0") > maximumBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (!request.body) return new Uint8Array();
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      length += chunk.length;
      if (length > maximumBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    // Who hangs up in the middle reads no answer; it is no failure of ours either.
    throw error instanceof ApiFault ? error : new ApiFault("invalid", "The request body broke off.", { cause: error });
  }
  return Buffer.concat(chunks, length);
}
