/** Rows that one transaction takes: many while nobody waits for the store, few while somebody does. */
export interface PageSize {
  now(): number
  /** `crowded`: it had to end early. */
  took(crowded: boolean): void
}

/** As timers: near the 5 ms that a transaction may take while others wait. */
const least = 50
/** A customer costs half as much in a page of 500 as in one of 50; more brings no more. */
const most = 500

export function createPageSize(): PageSize {
  let size = least
  return {
    now: () => size,
    took(crowded) {
      size = crowded ? Math.max(least, size >> 1) : Math.min(most, size * 2)
    },
  }
}
