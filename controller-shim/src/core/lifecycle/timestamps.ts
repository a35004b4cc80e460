/** As the API shows times: UTC, seconds, no zone (a `Z` breaks gophercloud). */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}
