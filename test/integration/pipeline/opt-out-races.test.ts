import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { Store } from '#platform/store/store.ts'
import { createWake } from '#platform/threads/wake.ts'
import { createLinks } from '../../../src/action/links.ts'
import type { Sender } from '../../../src/action/sender.ts'
import { unsubscribe } from '../../../src/action/unsubscribe.ts'
import { createTemplateCache } from '../../../src/creative/template-cache.ts'
import { applyAtOnce } from '../../../src/pipeline/callbacks/apply-at-once.ts'
import { changeConsents } from '../../../src/pipeline/change-consent.ts'
import { suppressAddresses } from '../../../src/pipeline/change-contact.ts'
import { changeSettings } from '../../../src/pipeline/change-workspace.ts'
import { createClaimFacts } from '../../../src/pipeline/claim-facts.ts'
import { listSending } from '../../../src/pipeline/list-sending.ts'
import { openExposures } from '../../../src/pipeline/open-exposures.ts'
import { savePreferences } from '../../../src/pipeline/preferences.ts'
import { createRenderPort } from '../../../src/pipeline/render-message.ts'
import { topicOf } from '../../../src/pipeline/topic-of.ts'
import { createWorkspaceContexts } from '../../../src/pipeline/workspace-context.ts'
import { setConsent } from '../../../src/profile/consent-rows.ts'
import { watchBlocked } from '../../services/postgres.ts'
import {
  drawnInterleavings,
  everyInterleaving,
  noneBlocked,
  type Points,
  stoppingStore,
} from '../../support/interleavings.ts'
import { storeLocation } from '../../support/test-store.ts'
import { calmWorld, createBench, newMessage, queue, sent } from '../../unit/action/support.ts'
import {
  customer,
  type EngineWorld,
  identify,
  openEngineOn,
  start,
  track,
  workspace,
} from './engine-world.ts'

/**
 * A no against a send, in every order of what the two do: decision, queue, claim, the facts of the claim, the
 * provider's call and its result on one side; the transaction of the no, its commit and its acknowledgement on
 * the other. The real engine on the real store, stopped from outside at its ports.
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
/**
 * With one writer at a time there are 18 orders, and all are played. In PostgreSQL transactions overlap: hundreds,
 * a minute for each kind of no.
 */
const drawnOrders = 60
const clockOf = () => world.clock

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
      await changeSettings(partsOver(raw), { ...change, patch: { killSwitch: false } })
    },
  },
]

let folder = ''
let world: EngineWorld
let raw: Store
let sender: Sender
let points: Points | null = null
/** What the outside has seen, in order. */
let seen: string[] = []
const writer = { inside: null as string | null }
let customers = 0
let blocked: Awaited<ReturnType<typeof watchBlocked>> | undefined

beforeAll(async () => {
  // A disk that need not turn: hundreds of orders, each with its commits.
  const shared = '/dev/shm'
  folder = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), 'starling-races-'))
  const committed = (actor: string): void => {
    seen.push(`${actor} committed`)
  }
  const wrapStore = (store: Store): Store => {
    raw = store
    return stoppingStore(store, 'send', () => points, writer, committed)
  }
  world = await openEngineOn(folder, { yaml, wrapStore })
  const { url } = await storeLocation(folder)
  if (url !== undefined) blocked = await watchBlocked(url)
  const facts = createClaimFacts(createWorkspaceContexts())
  const bench = await createBench(
    world.engine.parts.store,
    {
      id: 'scripted',
      weight: 1,
      resends: false,
      async send(message) {
        await points?.at('send', 'calls the provider')
        seen.push(`called ${message.messageId}`)
        return sent
      },
      close: async () => {},
    },
    calmWorld(),
    {
      workspaces: { list: async () => [workspace] },
      facts: {
        async load(...known: Parameters<typeof facts.load>) {
          const loaded = await facts.load(...known)
          await points?.at('send', 'has the facts of the claim')
          return loaded
        },
      } as never,
      render: createRenderPort(createTemplateCache(10)) as never,
      sent: { recordSent: openExposures },
      clock: world.clock,
    },
  )
  sender = bench.sender
  const ids = Array.from({ length: customersMax }, (_, i) => `u${i}`)
  for (let i = 0; i < ids.length; i += 200) {
    await world.take(...ids.slice(i, i + 200).map((id) => identify(id, { phone: phoneOf(id) })))
  }
  await world.decide()
  const own = { campaignId: 'mail', treatmentId: 'tea/email', variantId: 'a', expiresAt: start - 1 }
  await queue(
    raw,
    ids.map((id) =>
      newMessage({ ...own, messageId: `earlier-${id}`, customerId: customer(id), dueAt: start }),
    ),
    workspace,
  )
  await raw.transaction(async (tx) => {
    await tx.workspace(workspace).updateTable('messages').set({ state: 'lapsed' }).execute()
  })
}, 60_000)
afterAll(async () => {
  await blocked?.end()
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

test.each(nos)(
  '$name: in every order, no send begins after its acknowledgement but those it lists',
  async (no) => {
    const ends = { listed: 0, calledBefore: 0, stopped: 0 }
    let listed: readonly string[] = []
    const actors = async (own: Points) => {
      const userId = `u${customers++}`
      await world.take(track(userId, no.channel ?? 'email', `trigger-${userId}`))
      seen = []
      listed = []
      points = own
      const theirs = stoppingStore(
        raw,
        'no',
        () => points,
        writer,
        (actor) => seen.push(`${actor} committed`),
      )
      return [
        {
          name: 'send',
          async run() {
            await world.decide()
            seen.push('decided')
            do await sender.drain()
            while ((await sender.step()) > 0)
            await sender.drain()
          },
        },
        {
          name: 'no',
          async run() {
            listed = await no.say(theirs, userId)
            await own.at('no', 'acknowledges')
            seen.push('acknowledged')
          },
        },
      ]
    }
    const check = async (trace: readonly string[]) => {
      points = null
      const story = `${trace.join(', ')}\n${seen.join(', ')}`
      // What was put off while the customer was in other hands goes on without a schedule.
      do await sender.drain()
      while ((await sender.step()) > 0)
      await sender.drain()
      const after = seen.slice(seen.indexOf('acknowledged')).filter((entry) => entry.startsWith('called'))
      const calls = seen.filter((entry) => entry.startsWith('called'))
      expect(
        after.map((entry) => entry.slice(7)).filter((id) => !listed.includes(id)),
        story,
      ).toEqual([])
      expect(calls.length, story).toBeLessThanOrEqual(1)
      if (raw.dialect === 'sqlite') expect(listed.length, story).toBe(wasSending(seen) ? 1 : 0)
      if (listed.length > 0) ends.listed++
      else if (calls.length > 0) ends.calledBefore++
      else ends.stopped++
      await no.takeBack?.()
    }
    if (blocked === undefined) {
      expect(await everyInterleaving(actors, check, noneBlocked)).toBe(18)
    } else {
      const drawn = { runs: drawnOrders, random: createSeededRandom(1) }
      expect(await drawnInterleavings(actors, check, blocked.count, drawn)).toBeGreaterThan(12)
    }
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
