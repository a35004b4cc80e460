/** `2026-01-31T12:34:56`, UTC, as rows and the API have times: no zone, no fraction, or gophercloud cannot read a member. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}
