import type { Template } from '#contracts/campaign.ts'
import { customerIdOf, stableId } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { insertMessages } from '../../src/action/message-rows.ts'
import { parseWorkspaceFile } from '../../src/campaign/workspace-file.ts'
import { applyWorkspaceFile, moveCampaign } from '../../src/pipeline/change-workspace.ts'
import { firstStart } from '../../src/pipeline/first-start.ts'
import { setConsent } from '../../src/profile/consent-rows.ts'
import { saveCustomers } from '../../src/profile/customer-rows.ts'

export const workspace = 'main'
export const campaignId = 'letter'
export const publicUrl = 'https://mail.acme.example'
export const from = 'Acme Shop <hello@acme.example>'
const customersPerTransaction = 2000
const hourMs = 3_600_000
const dayMs = 24 * hourMs

const product = (i: number) => `<tr><td style="padding:12px 16px;border-bottom:1px solid #dddddd">
<a href="https://shop.acme.example/products/${i}?from=letter"><strong>Product ${i}</strong></a><br>
Picked for {{customer.firstName}}: soft, light and warm, now {{offer.percent}} % off until Sunday.</td></tr>`

const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{offer.name}}</title></head>
<body style="margin:0;background:#f4f4f4;font-family:Helvetica,Arial,sans-serif;color:#222222">
<table role="presentation" width="600" align="center" style="background:#ffffff">
<tr><td style="padding:24px 16px"><h1 style="font-size:22px">{{offer.name}} – für {{customer.firstName}}</h1>
<p>Hello {{customer.firstName}}, you looked at {{event.properties.name}} the other day. It is still here, and so
is your discount of {{offer.percent}} %.</p></td></tr>
${[1, 2, 3, 4, 5, 6].map(product).join('\n')}
<tr><td style="padding:24px 16px;font-size:12px;color:#666666">You get this because you signed up in our shop.
<a href="{{links.unsubscribe}}">Unsubscribe</a> · Acme Ltd, 1 Main Street, Springfield</td></tr>
</table></body></html>`

const text = `Hello {{customer.firstName}},

you looked at {{event.properties.name}} the other day. It is still here, and so is your discount of
{{offer.percent}} %: https://shop.acme.example/cart

Unsubscribe: {{links.unsubscribe}}
`

const offer = { id: 'ten', name: 'Ten percent', value: 40, facts: { percent: 10 } }

export const template: Template = {
  id: 'letter',
  channel: 'email',
  subject: '{{customer.firstName}}, {{offer.percent}} % für dich',
  html,
  text,
  defaults: {},
}

const file = {
  goals: [{ id: 'order', event: 'Order Completed', value: { property: 'revenue' }, windowHours: 96 }],
  offers: [offer],
  templates: [template],
  guardrails: {
    frequencyCaps: [
      { sendsMax: 20, window: { hours: 168 } },
      { sendsMax: 10, window: { localDays: 1 } },
    ],
    quietHours: { from: '22:00', until: '07:00' },
    consentRequired: ['email'],
  },
  campaigns: [
    {
      id: campaignId,
      name: 'Letter',
      goal: 'order',
      trigger: { event: 'Product Viewed' },
      holdout: 0.1,
      budget: 100_000,
      expiresAfterHours: 72,
      treatments: [
        { offer: 'ten', channel: 'email', cost: 0.001, variants: [{ id: 'plain', template: 'letter' }] },
      ],
    },
  ],
}

/** A live campaign with caps, quiet hours, budget, holdout and required consent, and its customers. */
export async function installScene(store: Store, customers: number, now: number): Promise<void> {
  await firstStart(store, {
    workspace,
    writeKey: undefined,
    adminKey: undefined,
    sendMode: 'live',
    zone: 'UTC',
    reportingCurrency: 'EUR',
    now,
  })
  const parsed = parseWorkspaceFile(JSON.stringify(file))
  if (!('file' in parsed)) throw new Error(JSON.stringify(parsed.faults))
  const change = { workspace, actor: 'bench' }
  const parts = { store, clock: { now: () => now } }
  const plan = await applyWorkspaceFile(parts, { ...change, file: parsed.file, dryRun: false })
  if (plan.faults.length > 0) throw new Error(JSON.stringify(plan.faults))
  for (const action of ['submit', 'approve', 'launch'] as const) {
    const moved = await moveCampaign(parts, { ...change, campaignId, action, note: 'bench' })
    if (moved.kind === 'refused') throw new Error(moved.fault.detail)
  }
  for (let first = 0; first < customers; first += customersPerTransaction) {
    const indices = Array.from(
      { length: Math.min(customersPerTransaction, customers - first) },
      (_, i) => first + i,
    )
    await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      await saveCustomers(
        db,
        indices.map((index) => customerAt(index, now)),
        now,
      )
      for (const index of indices) {
        await setConsent(db, {
          customerId: idAt(index),
          channel: 'email',
          state: 'granted',
          source: 'import',
          now,
        })
      }
    })
  }
}

export function addressAt(index: number): string {
  return `customer-${index}@example.com`
}

function idAt(index: number): string {
  return customerIdOf(workspace, 'user', `user-${index}`)
}

function customerAt(index: number, now: number) {
  const email = addressAt(index)
  const page = { total: 2, firstAt: now - 30 * dayMs, lastAt: now - dayMs, valueMicros: 0 }
  return {
    workspace,
    customerId: idAt(index),
    version: 0,
    mergedInto: null,
    profile: {
      traits: { firstName: `Zoë ${index}`, email, phone: `+49151${String(index).padStart(8, '0')}` },
      email,
      zone: 'Europe/Berlin',
      firstSeenAt: now - 30 * dayMs,
      lastSeenAt: now - dayMs,
      counts: { page: { ...page, days: [[Math.floor(now / dayMs) - 1, 2, 0] as [number, number, number]] } },
      segments: {},
    },
  }
}

/** What is said to a customer, and to whom. */
export function letterOf(round: string, index: number) {
  const customerId = idAt(index)
  const decisionId = stableId(workspace, round, customerId)
  return {
    messageId: stableId(decisionId, '1'),
    decisionId,
    customerId,
    traits: customerAt(index, 0).profile.traits,
    trigger: {
      event: {
        name: 'Product Viewed',
        properties: { name: 'a scarf', sku: `sku-${index % 100}`, price: 39.9 },
      },
    },
    offer: { ...offer, available: true },
  }
}

/** Queues one message for each of the first so many customers, due now. */
export async function queueMessages(store: Store, round: string, count: number, now: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => {
    const { messageId, decisionId, customerId, trigger } = letterOf(round, index)
    return {
      messageId,
      decisionId,
      decisionDayUtc: Math.floor(now / dayMs),
      customerId,
      campaignId,
      campaignVersion: 1,
      treatmentId: 'ten/email',
      variantId: 'plain',
      channel: 'email' as const,
      address: addressAt(index),
      transactional: false,
      costMicros: 1000,
      dueAt: now,
      expiresAt: now + 72 * hourMs,
      context: trigger,
    }
  })
  await store.transaction((tx) => insertMessages(tx.workspace(workspace), messages, now))
}
