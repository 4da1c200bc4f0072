import { describe, expect, it } from 'vitest'
import type { CampaignSpec } from '#contracts/campaign.ts'
import type { CampaignFacts } from '#contracts/guardrail.ts'
import { createGuardrailRunner } from '#guardrails/run/evaluate.ts'
import { loadGuardrails } from '#guardrails/run/load-guardrails.ts'
import { sendSlotsOf } from '../../../src/pipeline/send-slots.ts'
import { countActivity } from '../../../src/profile/activity.ts'
import { newProfile } from '../../../src/profile/profile.ts'
import { makeSpec, makeTreatment } from '../decision/support.ts'
import { factsWith } from '../guardrails/facts.ts'

const guardrails = createGuardrailRunner(await loadGuardrails())
const treatment = makeTreatment()
const hourMs = 3_600_000

function slotsAt(now: number, zone: string, over: Partial<CampaignSpec> = {}, profile = newProfile(now)) {
  const spec: CampaignSpec = {
    ...makeSpec('daily', [treatment]),
    sendTime: { withinHours: 24, cohort: 'segment' },
    ...over,
  }
  const { campaign: _, candidate: __, ...base } = factsWith()
  const facts = {
    ...base,
    now,
    settings: { ...base.settings, frequencyCaps: [] },
    customer: { ...base.customer, zone, contacts: [] },
  }
  const campaign: CampaignFacts = {
    campaignId: 'daily',
    version: 1,
    state: 'live',
    spec,
    heldOut: false,
    spentMicros: 0,
    goalMet: false,
  }
  return sendSlotsOf({ guardrails, facts, profile }, campaign, treatment, 'ada@example.com')
}

describe('the hours that are open', () => {
  it('are now and the next local hours, each hour of the day once', () => {
    // Kathmandu is 5:45 ahead: 12:20 UTC is 18:05 there on a Sunday.
    const now = Date.UTC(2026, 2, 1, 12, 20)
    const { slots } = slotsAt(now, 'Asia/Kathmandu')!
    expect(slots).toHaveLength(24)
    expect(slots[0]).toMatchObject({ dueAt: now, hourOfWeek: 18 })
    expect(new Date(slots[1]!.dueAt).toISOString()).toBe('2026-03-01T13:15:00.000Z')
    expect(slots[1]!.hourOfWeek).toBe(19)
    expect(new Set(slots.map(({ hourOfWeek }) => hourOfWeek % 24)).size).toBe(24)
  })

  it('leave out quiet hours, also on the night the clock changes', () => {
    const quietHours = { from: '21:00', until: '08:00' }
    // New York goes from 2:00 to 3:00 on 8 March 2026.
    const now = Date.UTC(2026, 2, 7, 23, 30)
    const { slots } = slotsAt(now, 'America/New_York', { quietHours })!
    const local = slots.map(({ hourOfWeek }) => hourOfWeek % 24)
    expect(local.every((hour) => hour >= 8 && hour < 21)).toBe(true)
    expect(new Date(slots.find(({ hourOfWeek }) => hourOfWeek === 8)!.dueAt).toISOString()).toBe(
      '2026-03-08T12:00:00.000Z',
    )
    const atNight = slotsAt(Date.UTC(2026, 2, 8, 4), 'America/New_York', { quietHours })!
    expect(atNight.slots[0]!.dueAt).toBe(Date.UTC(2026, 2, 8, 12))
  })

  it('are none where the campaign chooses no hour, or none is allowed', () => {
    const now = Date.UTC(2026, 2, 1, 22)
    const { sendTime: _, ...without } = { sendTime: null }
    expect(slotsAt(now, 'UTC', without)).not.toBeNull()
    const quietHours = { from: '21:00', until: '20:59' }
    expect(slotsAt(now, 'UTC', { quietHours, sendTime: { withinHours: 3 } })).toBeNull()
  })

  it('bring the customer’s own activity in that hour, and their cohort', () => {
    const now = Date.UTC(2026, 2, 1, 12)
    const profile = newProfile(now)
    profile.traits = { segment: 'students' }
    for (const weeks of [1, 2, 3]) countActivity(profile, now - weeks * 168 * hourMs + 2 * hourMs)
    countActivity(profile, now - 5 * hourMs)
    const slots = slotsAt(now, 'Europe/Berlin', {}, profile)!
    expect(slots).toMatchObject({ cohort: 'students', activityTotal: 4 })
    expect(slots.slots.filter(({ activity }) => activity > 0)).toMatchObject([
      { dueAt: now + 2 * hourMs, activity: 3 },
    ])
  })
})
