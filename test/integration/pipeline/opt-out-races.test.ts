import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { createWake } from '#platform/threads/wake.ts'
import { createLinks } from '../../../src/action/links.ts'
import { unsubscribe } from '../../../src/action/unsubscribe.ts'
import { createTemplateCache } from '../../../src/creative/template-cache.ts'
import { applyAtOnce } from '../../../src/pipeline/callbacks/apply-at-once.ts'
import { changeConsents } from '../../../src/pipeline/change-consent.ts'
import { suppressAddresses } from '../../../src/pipeline/change-contact.ts'
import { changeSettings } from '../../../src/pipeline/change-workspace.ts'
import { listSending } from '../../../src/pipeline/list-sending.ts'
import { savePreferences } from '../../../src/pipeline/preferences.ts'
import { topicOf } from '../../../src/pipeline/topic-of.ts'
import { setConsent } from '../../../src/profile/consent-rows.ts'
import { openRaceWorld, type RaceWorld } from '../../support/race-world.ts'
import { newMessage, queue } from '../../unit/action/support.ts'
import { customer, identify, start, track, workspace } from './engine-world.ts'

/**
 * A no against a send, in every order of what the two do: decision, queue, claim, the facts of the claim, the
 * provider's call and its result on one side; the transaction of the no, its commit and its acknowledgement on
 * the other.
 */
const yaml = `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers: [{ id: tea, name: Tea }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Tea? {{links.preferences}}" }
  - { id: short, channel: sms, text: "Tea?" }
subscriptionGroups: [{ id: news, name: News, channels: [email, sms], kind: opt-out }]
experiments:
  - { id: mail, arms: [{ id: a, share: 0.5, control: true, treatment: tea/email }, { id: b, share: 0.5, treatment: tea/email }] }
  - { id: text, arms: [{ id: a, share: 0.5, control: true, treatment: tea/sms }, { id: b, share: 0.5, treatment: tea/sms }] }
campaigns:
  - id: mail
    name: Mail
    goal: order
    topic: news
    trigger: { event: email }
    holdout: 0
    policy: { kind: fixed-split, experiment: mail }
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]
  - id: text
    name: Text
    goal: order
    topic: news
    trigger: { event: sms }
    holdout: 0
    policy: { kind: fixed-split, experiment: text }
    treatments: [{ offer: tea, channel: sms, variants: [{ id: a, template: short }] }]
`
/** Enough for every order of every kind of no: each has a customer of its own. */
const customersMax = 400
const clockOf = () => races.world.clock

interface No {
  name: string
  channel?: 'sms'
  /** Says no; resolves when it is acknowledged, to the messages it came too late for. */
  say(store: Store, userId: string): Promise<readonly string[]>
  takeBack?(): Promise<void>
}

const change = { workspace, actor: 'ann' }
const links = createLinks({ secret: 'a secret of thirty-two characters', baseUrl: 'https://s.example' })
const partsOver = (store: Store) => ({
  store,
  clock: clockOf(),
  wake: createWake(),
  links,
  templates: createTemplateCache(10),
})

const phoneOf = (userId: string): string => `+4915${10_000_000 + Number(userId.slice(1))}`

/** Of a mail that they got long ago, and whose link they use now. */
const earlier = (userId: string) => ({ workspace, messageId: `earlier-${userId}` })

const nos: No[] = [
  {
    name: 'one click on the link of an earlier mail',
    async say(store, userId) {
      const answer = await unsubscribe(store, earlier(userId), { setConsent, topicOf }, clockOf().now())
      return answer.kind === 'unsubscribed' ? answer.alreadySending : []
    },
  },
  {
    name: 'the preference page',
    async say(store, userId) {
      const form = { shown: ['email/news'], wanted: [], nothing: false }
      const saved = await savePreferences(partsOver(store), earlier(userId), form, {})
      return saved.kind === 'saved' ? saved.alreadySending : []
    },
  },
  {
    name: 'consent withdrawn by the API',
    async say(store, userId) {
      const choices = [{ channel: 'email' as const, state: 'denied' as const }]
      const said = { ...change, customer: userId, choices, proof: { source: 'api' } }
      return (await changeConsents(partsOver(store), said)).alreadySending
    },
  },
  {
    name: 'STOP by text message',
    channel: 'sms',
    // A provider's call has no answer that could list anything: what it came too late for is read beside it.
    async say(store, userId) {
      const now = clockOf().now()
      const fact = {
        kind: 'reply' as const,
        messageId: '',
        providerMessageId: '',
        id: `stop-${userId}`,
        address: phoneOf(userId),
        reason: 'STOP',
        occurredAt: now,
      }
      const reply = { workspace, fact, target: null, eventId: `stop-${userId}` }
      return store.transaction(async (tx) => {
        const db = tx.workspace(workspace)
        const source = { provider: 'twilio', channel: 'sms' as const }
        await applyAtOnce(db, source, [reply], { now, receivedAt: now })
        return listSending(db, { customerId: customer(userId) })
      })
    },
  },
  {
    name: 'suppression of the address',
    async say(store, userId) {
      const facts = [
        { channel: 'email' as const, address: `${userId}@example.com`, reason: 'complaint', detail: '' },
      ]
      return (await suppressAddresses(partsOver(store), { ...change, facts })).alreadySending
    },
  },
  {
    name: 'the kill switch',
    async say(store) {
      const changed = await changeSettings(partsOver(store), { ...change, patch: { killSwitch: true } })
      return changed.kind === 'saved' ? changed.alreadySending : []
    },
    async takeBack() {
      await changeSettings(partsOver(races.store), { ...change, patch: { killSwitch: false } })
    },
  },
]

let races: RaceWorld
let customers = 0

beforeAll(async () => {
  races = await openRaceWorld(yaml)
  const { world, store } = races
  const ids = Array.from({ length: customersMax }, (_, i) => `u${i}`)
  for (let i = 0; i < ids.length; i += 200) {
    await world.take(...ids.slice(i, i + 200).map((id) => identify(id, { phone: phoneOf(id) })))
  }
  await world.decide()
  const own = { campaignId: 'mail', treatmentId: 'tea/email', variantId: 'a', expiresAt: start - 1 }
  await queue(
    store,
    ids.map((id) =>
      newMessage({ ...own, messageId: `earlier-${id}`, customerId: customer(id), dueAt: start }),
    ),
    workspace,
  )
  await store.transaction(async (tx) => {
    await tx.workspace(workspace).updateTable('messages').set({ state: 'lapsed' }).execute()
  })
}, 60_000)
afterAll(() => races.close())

test.each(nos)(
  '$name: in every order, no send begins after its acknowledgement but those it lists',
  async (no) => {
    const { world, store, seen } = races
    const send = async (): Promise<void> => {
      await world.decide()
      seen.push('decided')
      await races.send()
    }
    const begin = async () => {
      const userId = `u${customers++}`
      await world.take(track(userId, no.channel ?? 'email', `trigger-${userId}`))
      return { send, no: (theirs: Store) => no.say(theirs, userId), after }
    }
    const after = async ({ listed, story }: { listed: readonly string[]; story: string }): Promise<void> => {
      if (store.dialect === 'sqlite') expect(listed.length, story).toBe(wasSending(seen) ? 1 : 0)
      await no.takeBack?.()
    }
    const ends = await races.play(begin, { runs: 60, seed: 1 })
    for (const [end, count] of Object.entries(ends)) expect([end, count]).not.toEqual([end, 0])
  },
)

/** Whether the claim had committed and the result had not when the no did: the one send to be listed. */
function wasSending(entries: readonly string[]): boolean {
  const sends = entries
    .slice(0, entries.indexOf('no committed'))
    .filter((entry) => entry === 'send committed')
  const decided = entries.indexOf('decided')
  const no = entries.indexOf('no committed')
  if (decided < 0 || no < decided) return false
  const before = entries.slice(decided, no).filter((entry) => entry === 'send committed').length
  return sends.length > 0 && before === 1
}
