/**
 * The API levels we honour, oldest first: cloud-provider-openstack takes the last for the newest, and switches
 * features on by it (2.5 tags, 2.12 allowed_cidrs). Dates are when Octavia published each.
 */
const levels = [
  ["v2.0", "2016-12-11"],
  ["v2.1", "2018-04-20"],
  ["v2.2", "2018-07-31"],
  ["v2.3", "2018-12-18"],
  ["v2.4", "2018-12-19"],
  ["v2.5", "2019-01-21"],
  ["v2.6", "2019-01-25"],
  ["v2.7", "2018-01-25"],
  ["v2.8", "2019-02-12"],
  ["v2.9", "2019-03-04"],
  ["v2.10", "2019-03-05"],
  ["v2.11", "2019-06-24"],
  ["v2.12", "2019-09-11"],
  ["v2.13", "2019-09-13"],
  ["v2.14", "2019-11-10"],
  ["v2.15", "2020-03-10"],
  ["v2.16", "2020-03-15"],
] as const;

/** The SDK follows the links, so they are absolute. */
export function versionDocument(base: string) {
  return {
    versions: levels.map(([id, date], index) => ({
      id,
      status: index === levels.length - 1 ? "CURRENT" : "SUPPORTED",
      updated: `${date}T00:00:00Z`,
      links: [{ rel: "self", href: `${base}/v2` }],
    })),
  };
}
