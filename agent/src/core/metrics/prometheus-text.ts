/** Prometheus text exposition format 0.0.4. Own code, as prom-client costs 1.5 MB of the agent's memory. */

export interface Sample {
  value: number;
  labels?: Record<string, string>;
}

/** One metric with its samples; nothing when there are none. Names and help texts are ours, label values are not. */
export function metric(name: string, type: "counter" | "gauge", help: string, samples: number | Sample[]): string {
  const list = typeof samples === "number" ? [{ value: samples }] : samples;
  if (list.length === 0) return "";
  const lines = list.map((sample) => `${name}${labels(sample.labels)} ${value(sample.value)}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labels(pairs: Record<string, string> | undefined): string {
  if (!pairs) return "";
  return `{${Object.entries(pairs)
    .map(([name, text]) => `${name}="${text.replace(/[\\"\n]/g, (each) => (each === "\n" ? "\\n" : `\\${each}`))}"`)
    .join(",")}}`;
}

function value(number: number): string {
  if (Number.isNaN(number)) return "NaN";
  return Number.isFinite(number) ? String(number) : number > 0 ? "+Inf" : "-Inf";
}
