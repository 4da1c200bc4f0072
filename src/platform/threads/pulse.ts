/** When each part of a process last did its work, shared by its threads. */
export interface Pulse {
  readonly shared: SharedArrayBuffer
  /** `part` is alive at that instant, by the wall clock. */
  beat(part: number, now: number): void
  /** Instant of the part's last beat; 0 before its first. */
  last(part: number): number
}

export function createPulse(parts: number, shared = new SharedArrayBuffer(parts * 8)): Pulse {
  const beats = new BigInt64Array(shared)
  return {
    shared,
    beat: (part, now) => {
      Atomics.store(beats, part, BigInt(now))
    },
    last: (part) => Number(Atomics.load(beats, part)),
  }
}
