import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChannelName, FrequencyCap } from '#contracts/campaign.ts'
import type { Store } from '#platform/store/store.ts'
import type { Provider } from '../../src/action/open-channels.ts'
import {
  calmWorld,
  createBench,
  day,
  hour,
  newMessage,
  queue,
  settle,
  withStore,
} from '../unit/action/support.ts'

/**
 * Guardrail, claim and ledger together against a model that knows nothing but a list of sends: one customer's
 * messages are queued in any order and class, the clock jumps, providers take, refuse, put off and lose them.
 */
const zones = ['UTC', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago'] as const
const channel = fc.constantFrom<ChannelName>('email', 'sms')
const cap: fc.Arbitrary<FrequencyCap> = fc.record(
  {
    sendsMax: fc.integer({ min: 1, max: 3 }),
    window: fc.oneof(
      fc.record({ hours: fc.constantFrom(0.5, 1, 6, 24, 49) }),
      fc.record({ localDays: fc.integer({ min: 1, max: 3 }) }),
    ),
    channel,
  },
  { requiredKeys: ['sendsMax', 'window'] },
)
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('queue' as const),
      channel,
      campaign: fc.constantFrom('alarm', 'welcome', 'news'),
      dueInMinutes: fc.constantFrom(0, 0, 0, 90, 600),
      expiresInHours: fc.constantFrom(1, 30, 200),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('jump' as const), minutes: fc.integer({ min: 1, max: 900 }) }),
  },
)
const answers = fc.array(
  fc.constantFrom<Kind[]>('sent', 'sent', 'sent', 'permanent', 'transient', 'unknown'),
  {
    minLength: 1,
    maxLength: 6,
  },
)

test('what was sent fits every window, what waits could not have gone sooner, and a failure gives its slot back', async () => {
  await withStore(async (store) => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(cap, { minLength: 1, maxLength: 3 }),
        fc.array(command, { minLength: 4, maxLength: 25 }),
        answers,
        fc.constantFrom(...zones),
        async (caps, commands, given, zone) => {
          runs += 1
          await play(store, `acme-${runs}`, { caps, commands, given, zone })
        },
      ),
      { seed: 7, numRuns: 15 },
    )
  })
})

type Kind = 'sent' | 'permanent' | 'transient' | 'unknown'

interface Play {
  caps: FrequencyCap[]
  commands: (typeof command extends fc.Arbitrary<infer C> ? C : never)[]
  given: Kind[]
  zone: string
}

interface Slot {
  id: string
  at: number
  channel: string
}

async function play(store: Store, workspace: string, { caps, commands, given, zone }: Play): Promise<void> {
  const world = calmWorld()
  world.settings.frequencyCaps = caps
  world.customer.zone = zone
  world.customer.priorities = { alarm: 'high', news: 'low' }
  world.specOf = (campaign) =>
    campaign === 'welcome' ? {} : { priority: campaign === 'alarm' ? 'high' : 'low' }
  const slots: Slot[] = []
  let answered = 0
  let hasFailed = false
  const real = (name: ChannelName): Provider => ({
    id: name,
    weight: 1,
    resends: false,
    async send({ messageId }) {
      const kind = given[answered++ % given.length] as Kind
      if (kind === 'sent' || kind === 'unknown') slots.push({ id: messageId, at: clock.now(), channel: name })
      else hasFailed = true
      if (kind === 'permanent') return { kind, reason: 'no', suppress: false }
      if (kind === 'sent') return { kind, providerMessageId: 'p' }
      return { kind, reason: 'later' }
    },
    close: async () => {},
  })
  const channels = new Map<ChannelName, Provider[]>([
    ['email', [real('email')]],
    ['sms', [real('sms')]],
  ])
  const { sender, clock } = await createBench(store, real('email'), world, {
    workspaces: { list: async () => [workspace] },
    channels: { real: channels, outbox: real('in-app'), close: async () => {} },
  })
  let queued = 0
  for (const one of commands) {
    if (one.kind === 'jump') clock.stepTo(clock.now() + one.minutes * 60_000)
    else {
      queued += 1
      const now = clock.now()
      await queue(
        store,
        [
          newMessage({
            messageId: `m${queued}`,
            channel: one.channel,
            campaignId: one.campaign,
            dueAt: now + one.dueInMinutes * 60_000,
            expiresAt: now + one.expiresInHours * hour,
          }),
        ],
        workspace,
      )
    }
    hasFailed = false
    await settle(sender)
    for (const each of caps) expect(mostInAnyWindow(slots, each, zone)).toBeLessThanOrEqual(each.sendsMax)
    const rows = await store.read.workspace(workspace).selectFrom('messages').selectAll('messages').execute()
    const taken = rows.filter(({ state }) => ['sending', 'sent', 'unknown'].includes(state))
    expect(taken.map((row) => `${row.message_id} ${row.sending_at}`).sort()).toEqual(
      slots.map(({ id, at }) => `${id} ${at}`).sort(),
    )
    for (const row of rows) {
      if (row.state !== 'queued' || row.state_at !== clock.now() || hasFailed) continue
      if (row.reason !== 'frequency-cap:frequency_cap') continue
      expect(fits(slots, row.channel, row.due_at, caps, zone)).toBe(true)
      expect(fits(slots, row.channel, row.due_at - 1, caps, zone)).toBe(false)
      expect(fits(slots, row.channel, clock.now(), caps, zone)).toBe(false)
    }
  }
}

/** Whether one more send then is within every cap, by the list of sends alone. */
function fits(slots: Slot[], sendIn: string, at: number, caps: FrequencyCap[], zone: string): boolean {
  const more = [...slots, { id: '', at, channel: sendIn }]
  return caps.every(
    (each) =>
      (each.channel !== undefined && each.channel !== sendIn) ||
      mostInAnyWindow(more, each, zone) <= each.sendsMax,
  )
}

function mostInAnyWindow(slots: Slot[], each: FrequencyCap, zone: string): number {
  const counted = slots.filter((slot) => each.channel === undefined || slot.channel === each.channel)
  const { window } = each
  const most = (places: number[], length: number): number =>
    Math.max(
      0,
      ...places.map((from) => places.filter((place) => place >= from && place < from + length).length),
    )
  if ('hours' in window)
    return most(
      counted.map(({ at }) => at),
      window.hours * hour,
    )
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone })
  return most(
    counted.map(({ at }) => Date.parse(`${format.format(at)}T00:00:00Z`) / day),
    window.localDays,
  )
}
