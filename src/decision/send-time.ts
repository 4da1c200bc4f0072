import type { PolicySnapshot, SendSlot, SendSlots } from '#contracts/decision.ts'
import { cohortKey, hourCellOf, hourCells, hoursOfWeek, sendTimeAt } from '#contracts/stages.ts'
import { bestOfNormals } from '#statistics/best-of-normals.ts'
import { affinitySlope, logAffinity, shrunkShare } from '#statistics/hour-affinity.ts'

/** Spread evenly over the slots: every hour keeps being tried. */
export const slotFloorShare = 0.05

/** Sends that count for the campaign's pattern of hours, in a cohort's; for an hour's, in a kind of day's. */
const cohortSends = 100
const dayKindSends = 1_000
/** An hour of the campaign has to earn or miss about so many rewards before it says anything. */
const hourRewards = 10

/**
 * Probabilities of the slots, shape (slots): each as often as it is the best one under the posterior
 * (Thompson), 5 % of it spread evenly.
 *
 * The response in a slot has the logit `logit(rate of the cohort's hour) + slope × log affinity`. The rate is
 * a beta posterior, shrunk from the kind of day (working day, weekend) to the hour, from the cohort to the
 * campaign. The affinity is the share of the customer's own activity that falls into this hour of the week,
 * shrunk to the cohort's, over the cohort's; what it is worth, the slope, is learned from rewards.
 */
export function slotProbabilities(
  snapshot: PolicySnapshot,
  campaignId: string,
  { cohort, activityTotal, slots }: SendSlots,
): Float64Array {
  const model = cohortModel(snapshot, campaignId, cohort)
  if (activityTotal > 0) return probabilitiesOf(model, activityTotal, slots)
  // Those without activity are alike in everything but the hours that are open.
  const hours = slots.map(({ hourOfWeek }) => hourOfWeek).join()
  let known = model.ofTheQuiet.get(hours)
  if (known === undefined) {
    known = probabilitiesOf(model, activityTotal, slots)
    if (model.ofTheQuiet.size >= quietMax) model.ofTheQuiet.clear()
    model.ofTheQuiet.set(hours, known)
  }
  return known
}

/** Sets of open hours kept for a cohort: one for each hour of the week at which somebody may decide. */
const quietMax = 168

function probabilitiesOf(
  model: CohortModel,
  activityTotal: number,
  slots: readonly SendSlot[],
): Float64Array {
  const count = slots.length
  const logits = new Float64Array(count)
  const deviations = new Float64Array(count)
  for (let slot = 0; slot < count; slot += 1) {
    const { hourOfWeek, activity } = slots[slot]!
    const cell = hourCellOf(hourOfWeek)
    const affinity = logAffinity(model.activity[hourOfWeek]!, activity, activityTotal)
    logits[slot] = model.logits[cell]! + model.slope * affinity
    deviations[slot] = Math.sqrt(model.variances[cell]! + affinity * affinity * model.slopeVariance)
  }
  const p = bestOfNormals(logits, deviations)
  for (let slot = 0; slot < count; slot += 1)
    p[slot] = (1 - slotFloorShare) * p[slot]! + slotFloorShare / count
  return p
}

interface CohortModel {
  /** By hour cell: of the response's logit. */
  logits: Float64Array
  variances: Float64Array
  /** By hour of the week: the cohort's share of activity. */
  activity: Float64Array
  slope: number
  slopeVariance: number
  /** Probabilities of customers without activity, by the hours that are open. */
  ofTheQuiet: Map<string, Float64Array>
}

const models = new WeakMap<PolicySnapshot, Map<string, CohortModel>>()

function cohortModel(snapshot: PolicySnapshot, campaignId: string, cohort: string): CohortModel {
  let own = models.get(snapshot)
  if (own === undefined) {
    own = new Map()
    models.set(snapshot, own)
  }
  // A cohort nobody has learned about stands for all of those: values of a trait are without number.
  const key = cohortKey(campaignId, cohort)
  const known = snapshot.sendTimes?.has(key) === true ? key : cohortKey(campaignId, '')
  let model = own.get(known)
  if (model === undefined) {
    model = modelOf(campaignSums(snapshot, campaignId), snapshot.sendTimes?.get(known))
    own.set(known, model)
  }
  return model
}

/** All cohorts of the campaign together. */
function campaignSums(snapshot: PolicySnapshot, campaignId: string): Float64Array {
  const sums = new Float64Array(2 * hourCells)
  for (const [key, numbers] of snapshot.sendTimes ?? []) {
    if (!key.startsWith(cohortKey(campaignId, ''))) continue
    for (let i = 0; i < sums.length; i += 1) sums[i]! += numbers[i]!
  }
  return sums
}

function modelOf(campaign: Float64Array, cohort: Float64Array | undefined): CohortModel {
  const logits = new Float64Array(hourCells)
  const variances = new Float64Array(hourCells)
  const campaignRate = (sumOf(campaign, sendTimeAt.rewards) + 1) / (sumOf(campaign, sendTimeAt.sends) + 20)
  const at = (numbers: Float64Array | undefined, place: number): number => numbers?.[place] ?? 0
  const cohortRate =
    (sumOf(cohort, sendTimeAt.rewards) + cohortSends * campaignRate) /
    (sumOf(cohort, sendTimeAt.sends) + cohortSends)
  for (let hour = 0; hour < 24; hour += 1) {
    const both = (numbers: Float64Array | undefined, from: number): number =>
      at(numbers, from + hour) + at(numbers, from + hour + 24)
    const expected = both(campaign, sendTimeAt.sends) * campaignRate
    const lift = (both(campaign, sendTimeAt.rewards) + hourRewards) / (expected + hourRewards)
    const sends = both(cohort, sendTimeAt.sends) + cohortSends
    const rate = (both(cohort, sendTimeAt.rewards) + cohortSends * Math.min(0.9, cohortRate * lift)) / sends
    // What the hour knows counts in its kind of day at most as `dayKindSends`.
    const borrowed = (sends * dayKindSends) / (sends + dayKindSends)
    for (const cell of [hour, hour + 24]) {
      const known = at(cohort, sendTimeAt.sends + cell)
      const mean = (at(cohort, sendTimeAt.rewards + cell) + borrowed * rate) / (known + borrowed)
      logits[cell] = Math.log(mean / (1 - mean))
      variances[cell] = 1 / ((known + borrowed) * mean * (1 - mean))
    }
  }
  const activity = Float64Array.from({ length: hoursOfWeek }, (_, hour) =>
    shrunkShare(at(cohort, sendTimeAt.activity + hour), at(cohort, sendTimeAt.observed + hour), hoursOfWeek),
  )
  const slope = affinitySlope(at(cohort, sendTimeAt.slopePrecision), at(cohort, sendTimeAt.slopeEvidence))
  const ofTheQuiet = new Map<string, Float64Array>()
  return { logits, variances, activity, slope: slope.mean, slopeVariance: slope.variance, ofTheQuiet }
}

function sumOf(numbers: Float64Array | undefined, from: number): number {
  let sum = 0
  for (let i = from; numbers !== undefined && i < from + hourCells; i += 1) sum += numbers[i]!
  return sum
}
