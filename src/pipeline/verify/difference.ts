/** Something derived that does not agree with the primary rows, or a rule that the ledger shows broken. */
export interface Difference {
  /** The check that found it. */
  check: CheckName
  /** Of the customer, message, decision, event, journey or code. */
  id: string
  detail: string
  /** Set by a repair: it agrees now. */
  repaired: boolean
}

export const checkNames = [
  'events',
  'catalogue',
  'profiles',
  'segments',
  'items',
  'accounts',
  'messages',
  'caps',
  'account-caps',
  'journeys',
  'codes',
  'assignments',
  'exposures',
  'spend',
] as const
export type CheckName = (typeof checkNames)[number]

/** What one check looked at, and what it found. */
export interface CheckResult {
  checked: number
  differences: Difference[]
}

export function difference(check: CheckName, id: string, detail: string): Difference {
  return { check, id, detail, repaired: false }
}
