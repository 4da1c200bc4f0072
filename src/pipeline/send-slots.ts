import type { SendTime, TreatmentSpec } from '#contracts/campaign.ts'
import type { SendSlot, SendSlots } from '#contracts/decision.ts'
import type { CampaignFacts, GuardrailFacts } from '#contracts/guardrail.ts'
import type { Profile } from '#contracts/profile.ts'
import { localParts } from '#platform/clock/local-time.ts'
import type { GuardrailRunner } from '../guardrails/run/evaluate.ts'
import { activityIn, activityTotal, utcHourOfWeek } from '../profile/activity.ts'

const hourMs = 3_600_000
const minuteMs = 60_000

export interface SlotSources {
  guardrails: GuardrailRunner
  /** As at the decision, now. */
  facts: Omit<GuardrailFacts, 'campaign' | 'candidate'>
  profile: Profile
}

/**
 * The hours at which a message may go out: now, and the beginnings of the customer's next local hours, as
 * many in all as the campaign leaves open. An hour at which any guardrail would not let it go out is none.
 * Null where the campaign chooses no hour, or none is open: then it goes out at once, or when a deferral ends.
 */
export function sendSlotsOf(
  { guardrails, facts, profile }: SlotSources,
  campaign: CampaignFacts,
  treatment: TreatmentSpec,
  address: string | null,
): SendSlots | null {
  const { sendTime } = campaign.spec
  if (sendTime === undefined) return null
  const { channel, costMicros, offer } = treatment
  const candidate = { channel, costMicros, address, offer }
  const { zone } = facts.customer
  const slots: SendSlot[] = []
  for (const dueAt of hoursFrom(facts.now, sendTime.withinHours, zone)) {
    if (guardrails.evaluate({ ...facts, now: dueAt, campaign, candidate }).verdict.kind !== 'allow') continue
    const { weekday, hour } = localParts(dueAt, zone)
    slots.push({
      dueAt,
      hourOfWeek: weekday * 24 + hour,
      activity: activityIn(profile, utcHourOfWeek(dueAt)),
    })
  }
  if (slots.length === 0) return null
  return { cohort: cohortOf(sendTime, profile), activityTotal: activityTotal(profile), slots }
}

/** Now, then on the hour of the local clock: of 24 none comes twice. */
function hoursFrom(now: number, count: number, zone: string): number[] {
  const next = now - (now % minuteMs) + (60 - localParts(now, zone).minute) * minuteMs
  return Array.from({ length: count }, (_, slot) => (slot === 0 ? now : next + (slot - 1) * hourMs))
}

/** Longest value of a trait that makes a cohort: it stands in every record. */
const cohortLengthMax = 64

function cohortOf({ cohort }: SendTime, { traits }: Profile): string {
  const value = cohort !== undefined && Object.hasOwn(traits, cohort) ? traits[cohort] : undefined
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return ''
  return String(value).slice(0, cohortLengthMax)
}
