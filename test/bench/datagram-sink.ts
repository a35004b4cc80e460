import { createSocket } from "node:dgram";
import { once } from "node:events";
import { onEnd } from "./cleanup.ts";

/** A controller that listens and forgets. */
export async function swallowDatagrams(): Promise<{ port: number; received(): number }> {
  const receiver = createSocket("udp4");
  let received = 0;
  receiver.on("message", () => received++);
  receiver.bind(0, "127.0.0.1");
  await once(receiver, "listening");
  onEnd(() => receiver.close());
  return { port: receiver.address().port, received: () => received };
}
