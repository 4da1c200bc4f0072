import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CampaignSpec, ChannelName, Offer } from '#contracts/campaign.ts'
import type { GuardrailFacts } from '#contracts/guardrail.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { NewMessage, OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import type { ClaimFacts } from '../../../src/action/claim-messages.ts'
import { createDispatcher } from '../../../src/action/dispatch/dispatcher.ts'
import { createLinks } from '../../../src/action/links.ts'
import { insertMessages, loadContacts, type MessageRow } from '../../../src/action/message-rows.ts'
import type { ChannelSet, Provider } from '../../../src/action/open-channels.ts'
import { createSender, type Sender, type SenderParts } from '../../../src/action/sender.ts'
import { createGuardrailRunner } from '../../../src/guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../../src/guardrails/run/load-guardrails.ts'
import { openTestStore } from '../../support/test-store.ts'

export const day = 86_400_000
export const hour = 3_600_000
export const start = Date.UTC(2026, 2, 2, 12)

export async function withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-action-'))
  const store = await openTestStore(folder)
  try {
    return await work(store)
  } finally {
    await store.close()
    await rm(folder, { recursive: true })
  }
}

export function newMessage(parts: Partial<NewMessage> & { messageId: string }): NewMessage {
  return {
    decisionId: `d-${parts.messageId}`,
    decisionDayUtc: Math.floor(start / day),
    customerId: 'ann',
    campaignId: 'welcome',
    campaignVersion: 1,
    treatmentId: 'ten-off/email',
    variantId: 'a',
    channel: 'email',
    address: 'ann@example.com',
    transactional: false,
    costMicros: 1000,
    dueAt: start,
    expiresAt: start + day,
    context: { event: { name: 'Signed Up', properties: {} } },
    ...parts,
  }
}

export const offer = { id: 'ten-off', name: 'Ten off', value: 1, available: true, facts: {} }

const spec: CampaignSpec = {
  campaignId: 'welcome',
  name: 'Welcome',
  goal: { id: 'order', event: 'Order Completed', windowHours: 72 },
  alsoMeasure: [],
  trigger: { event: 'Signed Up' },
  treatments: [],
  policy: { kind: 'inverse-gap' },
  holdout: 0,
  frequencyCaps: [],
  expiresAfterMs: day,
  features: [],
}

/** What is true of everything that a guardrail asks, changeable between decision and claim. */
export interface World {
  workspace: WorkspaceSettings
  settings: GuardrailFacts['settings']
  campaign: Partial<GuardrailFacts['campaign']>
  spec: Partial<CampaignSpec>
  /** On top of `spec`, of one campaign. */
  specOf?: (campaignId: string) => Partial<CampaignSpec>
  customer: Partial<GuardrailFacts['customer']>
  offer: Partial<Offer>
  traits: JsonObject
  gone: string | null
}

export function calmWorld(): World {
  return {
    workspace: {
      workspace: 'acme',
      name: 'Acme',
      sendMode: 'live',
      allowlist: [],
      killSwitch: false,
      reportingCurrency: 'EUR',
      zone: 'UTC',
    },
    settings: { frequencyCaps: [], globalHoldout: 0, consentRequired: [] },
    campaign: {},
    spec: {},
    customer: {},
    offer: {},
    traits: {},
    gone: null,
  }
}

export interface Facts extends GuardrailFacts {
  traits: JsonObject
}

/** Contacts, consents and suppressions come from the store; the rest from the world. */
export function factsPort(world: World): ClaimFacts<Facts> {
  return {
    async load(tx, workspace, messages, now) {
      const db = tx.workspace(workspace)
      const ids = [...new Set(messages.map((message) => message.customer_id))]
      const contacts = await loadContacts(db, ids, now - 60 * day)
      const consents = await db.selectByKeys('consents', 'customer_id', ids).selectAll('consents').execute()
      const suppressions = await db.selectFrom('suppressions').selectAll('suppressions').execute()
      return new Map(
        messages.map((message) => [
          message.message_id,
          world.gone !== null ? { gone: world.gone } : factsOf(message, now),
        ]),
      )
      function factsOf(message: MessageRow, now: number): Facts {
        return {
          stage: 'claim',
          now,
          workspace: { ...world.workspace, workspace: db.workspace },
          settings: world.settings,
          customer: {
            customerId: message.customer_id,
            zone: 'UTC',
            consents: Object.fromEntries(
              consents
                .filter((row) => row.customer_id === message.customer_id)
                .map((row) => [row.channel, row.state]),
            ),
            suppressions: Object.fromEntries(
              suppressions
                .filter((row) => row.address === message.address)
                .map((row) => [row.channel, row.reason]),
            ),
            contacts: contacts.get(message.customer_id) ?? [],
            globalHoldout: false,
            ...world.customer,
          },
          campaign: {
            campaignId: message.campaign_id,
            version: 1,
            state: 'live',
            spec: { ...spec, ...world.spec, ...world.specOf?.(message.campaign_id) },
            heldOut: false,
            spentMicros: 0,
            goalMet: false,
            ...world.campaign,
          },
          candidate: {
            channel: message.channel as ChannelName,
            costMicros: message.cost_micros,
            address: message.address,
            offer: { ...offer, ...world.offer },
          },
          transactional: message.transactional === 1,
          messageId: message.message_id,
          traits: world.traits,
        }
      }
    },
  }
}

/** A channel whose answers the test gives. Its provider cannot run here. */
export function scriptedChannel(
  answer: (message: OutgoingMessage, call: number) => Promise<SendResult> | SendResult,
) {
  const calls: OutgoingMessage[] = []
  const channel: Provider = {
    id: 'scripted',
    weight: 1,
    resends: false,
    async send(message) {
      calls.push(message)
      return await answer(message, calls.length)
    },
    close: async () => {},
  }
  return { calls, channel }
}

export function channelSet(...real: Provider[]): ChannelSet {
  return { real: new Map([['email', real]]), outbox: { ...real[0]!, id: 'outbox' }, close: async () => {} }
}

export const sent: SendResult = { kind: 'sent', providerMessageId: 'p-1' }

export async function createBench(
  store: Store,
  channel: Provider,
  world: World,
  over: Partial<SenderParts<Facts>> = {},
) {
  const clock = createSteppedClock(start)
  const wallClock = createSteppedClock(Date.UTC(2030, 0, 1))
  const recorded: string[] = []
  const errors: string[] = []
  const logger = { error: (message: string) => void errors.push(message) }
  const parts: SenderParts<Facts> = {
    store,
    workspaces: { list: async () => ['acme'] },
    facts: factsPort(world),
    guardrails: createGuardrailRunner(await loadGuardrails()),
    render: {
      about: () => ({ from: null, utm: {} }),
      render: ({ message, facts, htmlTransform, unsubscribeUrl }) => ({
        kind: 'rendered',
        content: {
          subject: `for ${message.message_id}`,
          html: htmlTransform(`<a href="https://shop.example/x">x</a><a href="${unsubscribeUrl}">no</a>`),
          text: facts.candidate.coupon?.code ?? 'text',
          url: '',
          data: {},
        },
      }),
    },
    links: createLinks({ secret: 'a secret of thirty-two characters', baseUrl: 'https://s.example' }),
    channels: channelSet(channel),
    dispatcher: createDispatcher({
      wallClock,
      random: createSeededRandom(8),
      logger,
      pause: async (ms) => wallClock.stepTo(wallClock.now() + ms),
    }),
    endpoints: { gone: async () => false },
    suppressions: {
      async suppress(db, { channel: name, address, reason, detail, now }) {
        await db.bulkInsert(
          'suppressions',
          [{ channel: name, address, reason, detail, created_at: now }],
          'ignore',
        )
      },
    },
    sent: {
      async recordSent(_db, messages) {
        recorded.push(...messages.map((message) => message.message_id))
      },
    },
    clock,
    wallClock,
    random: createSeededRandom(7),
    owner: 'sender-1',
    leaseMs: 120_000,
    defaultFrom: 'Acme <hello@acme.example>',
    inFlightMax: 32,
    logger,
    ...over,
  }
  const sender = createSender(parts)
  return { sender, parts, clock, wallClock, recorded, errors }
}

/** Plays until nothing is due. */
export async function settle(sender: Sender): Promise<void> {
  do {
    while ((await sender.step()) > 0);
    await sender.drain()
  } while ((await sender.step()) > 0)
}

export async function queue(
  store: Store,
  messages: NewMessage[],
  workspace = 'acme',
  now = start,
): Promise<void> {
  await store.transaction((tx) => insertMessages(tx.workspace(workspace), messages, now))
}

export function acme(store: Store): WorkspaceDb {
  return store.read.workspace('acme')
}

export async function deny(db: WorkspaceDb, customerId: string): Promise<void> {
  await db.bulkInsert(
    'consents',
    [{ customer_id: customerId, channel: 'email', state: 'denied', source: 'test', changed_at: start }],
    { key: ['workspace', 'customer_id', 'channel'], update: ['state'] },
  )
}
