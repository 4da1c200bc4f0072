import type { DecodedSendTime } from '#contracts/decision.ts'
import {
  cohortKey,
  hourCellOf,
  hoursOfWeek,
  sendTimeAt,
  sendTimeNumbers,
  variantKey,
  variantNumbers,
} from '#contracts/stages.ts'
import { affinitySlope, logAffinity, shrunkShare } from '#statistics/hour-affinity.ts'

/** What was seen of variants and of hours; a function of the rewards taken in. */
export interface StageTallies {
  /** By `variantKey`. */
  variants: Map<string, Float64Array>
  /** By `cohortKey`. */
  sendTimes: Map<string, Float64Array>
}

/** What a record says of the stages after the treatment. */
export interface RecordedStages {
  variantId?: string
  sendTime?: DecodedSendTime | null
}

/** Cohorts kept apart in a campaign; the others count as one. Values of a trait are without number. */
const cohortsMax = 64
/** Below this, p(1 − p) would take a rare response for no evidence at all. */
const curvatureMin = 0.01

/** One reward, or a correction, of the treatment `head`; under forgetting it counts `weight`. */
export function teachStages(
  tallies: StageTallies,
  row: { campaign_id: string; head: string; kind: 'reward' | 'correction'; y: 0 | 1 },
  { variantId = '', sendTime = null }: RecordedStages,
  weight = 1,
): void {
  if (variantId !== '') {
    const key = variantKey(row.campaign_id, row.head, variantId)
    const numbers = numbersOf(tallies.variants, key, variantNumbers)
    if (row.kind === 'reward') numbers[0]! += weight
    numbers[1]! += weight * row.y
  }
  if (sendTime === null) return
  const cohort = numbersOf(
    tallies.sendTimes,
    keptCohort(tallies.sendTimes, row.campaign_id, sendTime.cohort),
    sendTimeNumbers,
  )
  const f = affinityOf(cohort, sendTime)
  if (row.kind === 'reward') teachSlot(cohort, sendTime, row.y, f, weight)
  else correctSlot(cohort, sendTime, f, weight)
}

/** All that was seen counts `share` as much. */
export function fadeTallies({ variants, sendTimes }: StageTallies, share: number): void {
  for (const all of [variants, sendTimes]) {
    for (const numbers of all.values()) for (let i = 0; i < numbers.length; i += 1) numbers[i]! *= share
  }
}

function teachSlot(
  cohort: Float64Array,
  sendTime: DecodedSendTime,
  y: 0 | 1,
  f: number,
  weight: number,
): void {
  const cell = hourCellOf(sendTime.slots[sendTime.slotIndex]!.hourOfWeek)
  const sends = cohort[sendTimeAt.sends + cell]!
  const rewards = cohort[sendTimeAt.rewards + cell]!
  const rate = (rewards + 1) / (sends + 20)
  const z = affinitySlope(cohort[sendTimeAt.slopePrecision]!, cohort[sendTimeAt.slopeEvidence]!).mean * f
  const p = 1 / (1 + Math.exp(-(Math.log(rate / (1 - rate)) + z)))
  const h = Math.max(p * (1 - p), curvatureMin)
  cohort[sendTimeAt.slopePrecision]! += weight * h * f * f
  cohort[sendTimeAt.slopeEvidence]! += weight * f * (h * z + y - p)
  cohort[sendTimeAt.sends + cell] = sends + weight
  cohort[sendTimeAt.rewards + cell] = rewards + weight * y
  if (sendTime.activityTotal === 0) return
  for (const { hourOfWeek, activity } of sendTime.slots) {
    cohort[sendTimeAt.activity + hourOfWeek]! += (weight * activity) / sendTime.activityTotal
    cohort[sendTimeAt.observed + hourOfWeek]! += weight
  }
}

/** The 0 should have been a 1: evidence is linear in y, precision does not depend on it. */
function correctSlot(cohort: Float64Array, sendTime: DecodedSendTime, f: number, share: number): void {
  const cell = hourCellOf(sendTime.slots[sendTime.slotIndex]!.hourOfWeek)
  cohort[sendTimeAt.rewards + cell]! += share
  cohort[sendTimeAt.slopeEvidence]! += share * f
}

function affinityOf(cohort: Float64Array, { slots, slotIndex, activityTotal }: DecodedSendTime): number {
  const { hourOfWeek, activity } = slots[slotIndex]!
  const share = shrunkShare(
    cohort[sendTimeAt.activity + hourOfWeek]!,
    cohort[sendTimeAt.observed + hourOfWeek]!,
    hoursOfWeek,
  )
  return logAffinity(share, activity, activityTotal)
}

function keptCohort(
  sendTimes: ReadonlyMap<string, Float64Array>,
  campaignId: string,
  cohort: string,
): string {
  const key = cohortKey(campaignId, cohort)
  if (sendTimes.has(key)) return key
  let own = 0
  for (const known of sendTimes.keys()) if (known.startsWith(cohortKey(campaignId, ''))) own += 1
  return own < cohortsMax ? key : cohortKey(campaignId, '')
}

function numbersOf(all: Map<string, Float64Array>, key: string, length: number): Float64Array {
  let numbers = all.get(key)
  if (numbers === undefined) {
    numbers = new Float64Array(length)
    all.set(key, numbers)
  }
  return numbers
}
