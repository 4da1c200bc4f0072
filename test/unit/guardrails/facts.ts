import type { CampaignSpec, GuardrailRules, Offer } from '#contracts/campaign.ts'
import type { CampaignFacts, ContactSlot, CustomerFacts, GuardrailFacts } from '#contracts/guardrail.ts'

export const hourMs = 3_600_000
export const now = Date.parse('2026-03-11T12:00:00Z')

const offer: Offer = { id: 'coffee', name: 'Coffee', value: 10, available: true, facts: {} }

const spec: CampaignSpec = {
  campaignId: 'spring',
  name: 'Spring',
  goal: { id: 'purchase', event: 'Order Completed', windowHours: 72 },
  alsoMeasure: [],
  trigger: { event: 'Product Viewed' },
  treatments: [],
  policy: { kind: 'inverse-gap' },
  holdout: 0.1,
  frequencyCaps: [],
  expiresAfterMs: 24 * hourMs,
  features: [],
}

export interface FactsPatch
  extends Partial<Omit<GuardrailFacts, 'settings' | 'customer' | 'campaign' | 'candidate'>> {
  settings?: Partial<GuardrailRules>
  customer?: Partial<CustomerFacts>
  campaign?: Partial<Omit<CampaignFacts, 'spec'>>
  spec?: Partial<CampaignSpec>
  candidate?: Partial<GuardrailFacts['candidate']>
}

/** Facts to which no guardrail objects, changed by the patch. */
export function factsWith(patch: FactsPatch = {}): GuardrailFacts {
  const { settings, customer, campaign, spec: specPatch, candidate, ...rest } = patch
  return {
    stage: 'decision',
    now,
    workspace: {
      workspace: 'shop',
      name: 'Shop',
      sendMode: 'outbox',
      allowlist: [],
      killSwitch: false,
      reportingCurrency: 'EUR',
      zone: 'UTC',
    },
    settings: { frequencyCaps: [], globalHoldout: 0, consentRequired: [], ...settings },
    customer: {
      customerId: 'ada',
      zone: 'UTC',
      consents: {},
      suppressions: {},
      contacts: [],
      globalHoldout: false,
      ...customer,
    },
    campaign: {
      campaignId: 'spring',
      version: 3,
      state: 'live',
      heldOut: false,
      spentMicros: 0,
      goalMet: false,
      ...campaign,
      spec: { ...spec, ...specPatch },
    },
    candidate: { channel: 'email', costMicros: 1000, address: 'ada@example.com', offer, ...candidate },
    transactional: false,
    messageId: '',
    ...rest,
  }
}

let slots = 0
export function slotAt(at: number, patch: Partial<ContactSlot> = {}): ContactSlot {
  slots += 1
  return {
    messageId: `m${slots}`,
    channel: 'email',
    campaignId: 'spring',
    state: 'sent',
    at,
    transactional: false,
    ...patch,
  }
}
