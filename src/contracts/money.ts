/**
 * Money is integer micros (one millionth of the unit), in the workspace's reporting currency unless a name or a
 * field beside it says otherwise.
 */

/** A decimal amount as people write it, to micros: 29.99 becomes 29_990_000. */
export function microsOf(amount: number): number {
  return Math.round(amount * 1_000_000)
}
