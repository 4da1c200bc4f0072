import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { repairSpend } from '../../src/action/campaign-spend.ts'
import { parseWorkspaceFile } from '../../src/campaign/workspace-file.ts'
import { applyWorkspaceFile, moveCampaign } from '../../src/pipeline/change-workspace.ts'
import { firstStart } from '../../src/pipeline/first-start.ts'
import { fillStore } from '../scale/fill-store.ts'
import { now, openParts } from '../scale/open-parts.ts'

export const workspace = 'main'
export const campaignId = 'sale'

/** As the shop of the demo says it, to everybody with an address. */
const yaml = `
goals: [{ id: order, event: Order Completed, value: { property: revenue }, windowHours: 96 }]
offers:
  - { id: free-shipping, name: Free shipping, value: 40, facts: { headline: "Shipping is on us" } }
  - { id: ten-percent, name: Ten percent off, value: 40, facts: { headline: "Ten percent off today" } }
  - { id: bundle, name: Bundle price, value: 40, facts: { headline: "Take two, pay less" } }
  - { id: early-access, name: Early access, value: 40, facts: { headline: "See it first" } }
templates:
  - id: mail
    channel: email
    subject: "{{customer.firstName}}, {{offer.headline}}"
    html: '<p>Hi {{customer.firstName}},</p><p>{{offer.headline}}. <a href="{{links.unsubscribe}}">No more</a></p>'
    text: "Hi {{customer.firstName}}, {{offer.headline}}. {{links.unsubscribe}}"
    defaults: { customer.firstName: there }
  - { id: text, channel: sms, text: "{{offer.headline}}: shop.example" }
segments:
  - { id: reachable, name: Reachable, condition: { trait: email, op: exists, value: true } }
guardrails:
  frequencyCaps:
    - { sendsMax: 3, window: { hours: 168 } }
    - { sendsMax: 1, window: { localDays: 1 } }
  quietHours: { from: "21:00", until: "08:00" }
campaigns:
  - id: ${campaignId}
    name: Sale
    goal: order
    trigger: { broadcast: {} }
    audience: { segment: reachable }
    holdout: 0.1
    budget: 1000000
    features: [style]
    treatments:
      - { offer: free-shipping, channel: email, cost: 0.001, variants: [{ id: plain, template: mail }] }
      - { offer: ten-percent, channel: email, cost: 0.001, variants: [{ id: plain, template: mail }] }
      - { offer: bundle, channel: email, cost: 0.001, variants: [{ id: plain, template: mail }] }
      - { offer: early-access, channel: email, cost: 0.001, variants: [{ id: plain, template: mail }] }
      - { offer: free-shipping, channel: sms, cost: 0.0075, variants: [{ id: plain, template: text }] }
      - { offer: ten-percent, channel: sms, cost: 0.0075, variants: [{ id: plain, template: text }] }
      - { offer: bundle, channel: sms, cost: 0.0075, variants: [{ id: plain, template: text }] }
      - { offer: early-access, channel: sms, cost: 0.0075, variants: [{ id: plain, template: text }] }
`

/** A workspace with the campaign live in it, and its customers as a shop has them after a year. */
export async function fillFolder(folder: string, customers: number): Promise<void> {
  mkdirSync(folder)
  const { parts, close } = await openParts(folder, 1)
  const { store, clock } = parts
  await firstStart(store, {
    workspace,
    sendMode: 'outbox',
    zone: 'UTC',
    reportingCurrency: 'EUR',
    now: clock.now(),
  })
  const parsed = parseWorkspaceFile(yaml)
  if (!('file' in parsed)) throw new Error(JSON.stringify(parsed.faults))
  const change = { workspace, actor: 'bench' }
  const plan = await applyWorkspaceFile({ store, clock }, { ...change, file: parsed.file, dryRun: false })
  if (plan.faults.length > 0) throw new Error(JSON.stringify(plan.faults))
  for (const action of ['approve', 'launch'] as const)
    await moveCampaign({ store, clock }, { ...change, campaignId, action, note: '' })
  await close()
  await fillStore(join(folder, 'store.db'), { workspace, campaignId: 'earlier', customers, now })
  const again = await openParts(folder, 1)
  await again.parts.store.transaction((tx) => repairSpend(tx.workspace(workspace)))
  await again.close()
}
