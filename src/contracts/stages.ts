/**
 * What a snapshot knows of the stages after the treatment. Plain sums of what was seen: they merge by
 * addition, and what follows from them is worked out where a decision is made.
 */

/** Key of a variant within its treatment. */
export function variantKey(campaignId: string, treatmentId: string, variantId: string): string {
  return `${campaignId}\u0000${treatmentId}\u0000${variantId}`
}

/** Of a variant: sends that were taught, rewards among them. */
export const variantNumbers = 2

/** Key of a cohort within a campaign: '' for customers without the trait, and where no cohort is named. */
export function cohortKey(campaignId: string, cohort: string): string {
  return `${campaignId}\u0000${cohort}`
}

export const hoursOfWeek = 168
/** Hours of a working day, then those of the weekend: more is not learned of a response. */
export const hourCells = 48

/** 0 is Sunday, 00:00 to 01:00 local time, 167 Saturday, 23:00 to 24:00. */
export function hourCellOf(hourOfWeek: number): number {
  const weekday = Math.floor(hourOfWeek / 24)
  const hour = hourOfWeek - weekday * 24
  return weekday === 0 || weekday === 6 ? 24 + hour : hour
}

/** Where a cohort's numbers begin, in `sendTimeNumbers`. */
export const sendTimeAt = {
  /** By hour cell: sends that were taught. */
  sends: 0,
  /** By hour cell: rewards among them. */
  rewards: hourCells,
  /** By hour of the week: sum over customers of the share of their activity that falls into it. */
  activity: 2 * hourCells,
  /** By hour of the week: customers in that sum. */
  observed: 2 * hourCells + hoursOfWeek,
  /** Of the response to a customer's own activity: precision gained, and precision × slope gained. */
  slopePrecision: 2 * hourCells + 2 * hoursOfWeek,
  slopeEvidence: 2 * hourCells + 2 * hoursOfWeek + 1,
} as const
export const sendTimeNumbers = 2 * hourCells + 2 * hoursOfWeek + 2
