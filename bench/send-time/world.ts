import type { CampaignSpec } from '#contracts/campaign.ts'
import type { Profile } from '#contracts/profile.ts'
import { stableId } from '#platform/ids/ids.ts'

/** What is planted: a best hour of the day for each segment, UTC. */
export const bestHours = { students: 21, parents: 6, commuters: 8, retired: 14 } as const
export type SegmentName = keyof typeof bestHours
export const segments = Object.keys(bestHours) as SegmentName[]
export const bestRate = 0.06
export const otherRate = 0.04

export interface SimulatedCustomer {
  customerId: string
  segment: SegmentName
  profile: Profile
}

/** Segments alternate. Nobody shows any activity: hours are learned from rewards alone. */
export function createCustomers(count: number, startsAt: number): SimulatedCustomer[] {
  return Array.from({ length: count }, (_, index) => {
    const segment = segments[index % segments.length]!
    const profile: Profile = {
      traits: { segment },
      email: 'ada@example.com',
      firstSeenAt: startsAt,
      lastSeenAt: startsAt,
      counts: {},
      segments: {},
    }
    return { customerId: stableId('send-time', String(index)), segment, profile }
  })
}

export const campaign: CampaignSpec = {
  campaignId: 'daily',
  name: 'One message a day',
  goal: { id: 'order', event: 'Order Completed', windowHours: 1 },
  alsoMeasure: [],
  trigger: { event: 'Day Begins' },
  treatments: [
    {
      treatmentId: 'news/email',
      offer: { id: 'news', name: 'News', value: 5, available: true, facts: {} },
      channel: 'email',
      costMicros: 0,
      valueMicros: 5_000_000,
      lever: 1,
      variants: [
        {
          variantId: 'plain',
          weight: 1,
          template: { id: 'news', channel: 'email', subject: 'News', html: '', text: '', defaults: {} },
        },
      ],
    },
  ],
  policy: { kind: 'inverse-gap' },
  holdout: 0,
  frequencyCaps: [],
  expiresAfterMs: 24 * 3_600_000,
  sendTime: { withinHours: 24, cohort: 'segment' },
  features: ['segment'],
}
