import { describe, expect, test } from 'vitest'
import { loadMessage } from '../../../src/action/message-rows.ts'
import {
  acme,
  calmWorld,
  createBench,
  day,
  deny,
  hour,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  type World,
  withStore,
} from './support.ts'

interface Change {
  rule: string
  change(world: World): void
  /** What becomes of the message. */
  state: 'lapsed' | 'queued'
  reason: string
  dueAt?: number
}

const changes: Change[] = [
  {
    rule: 'kill switch',
    change: (w) => {
      w.workspace.killSwitch = true
    },
    state: 'lapsed',
    reason: 'kill-switch:kill_switch',
  },
  {
    rule: 'consent denied',
    change: (w) => {
      w.customer.consents = { email: 'denied' }
    },
    state: 'lapsed',
    reason: 'consent:consent_denied',
  },
  {
    rule: 'consent required',
    change: (w) => {
      w.settings.consentRequired = ['email']
    },
    state: 'lapsed',
    reason: 'consent:consent_missing',
  },
  {
    rule: 'suppression',
    change: (w) => {
      w.customer.suppressions = { email: 'bounce' }
    },
    state: 'lapsed',
    reason: 'suppression:',
  },
  {
    rule: 'campaign paused',
    change: (w) => {
      w.campaign.state = 'paused'
    },
    state: 'queued',
    reason: 'campaign-state:campaign_paused',
  },
  {
    rule: 'campaign ended',
    change: (w) => {
      w.campaign.state = 'ended'
    },
    state: 'lapsed',
    reason: 'campaign-state:campaign_ended',
  },
  {
    rule: 'held out',
    change: (w) => {
      w.campaign.heldOut = true
    },
    state: 'lapsed',
    reason: 'holdout:',
  },
  {
    rule: 'held out of everything',
    change: (w) => {
      w.customer.globalHoldout = true
    },
    state: 'lapsed',
    reason: 'holdout:',
  },
  {
    rule: 'budget spent',
    change: (w) => {
      w.spec.budgetMicros = 500
    },
    state: 'lapsed',
    reason: 'budget:budget_spent',
  },
  {
    rule: 'offer withdrawn',
    change: (w) => {
      w.offer.available = false
    },
    state: 'lapsed',
    reason: 'offer-valid:offer_unavailable',
  },
  {
    rule: 'goal met',
    change: (w) => {
      w.campaign.goalMet = true
    },
    state: 'lapsed',
    reason: 'goal-met:goal_met',
  },
  {
    rule: 'campaign gone',
    change: (w) => {
      w.gone = 'campaign_gone'
    },
    state: 'lapsed',
    reason: 'campaign_gone',
  },
  {
    rule: 'quiet hours',
    change: (w) => {
      w.settings.quietHours = { from: '10:00', until: '15:00' }
    },
    state: 'queued',
    reason: 'quiet-hours:quiet_hours',
    dueAt: start + 3 * hour,
  },
  {
    rule: 'cap used up',
    change: (w) => {
      w.settings.frequencyCaps = [{ sendsMax: 1, window: { hours: 24 } }]
      const at = start - 20 * hour
      w.customer.contacts = [
        { messageId: 'old', channel: 'email', campaignId: 'x', state: 'sent', at, transactional: false },
      ]
    },
    state: 'queued',
    reason: 'frequency-cap:frequency_cap',
    dueAt: start + 4 * hour,
  },
]

describe('what changed between decision and claim stops the send', () => {
  test.each(changes)('$rule', async ({ change, state, reason, dueAt }) => {
    await withStore(async (store) => {
      const world = calmWorld()
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      await queue(store, [newMessage({ messageId: 'm1' })])
      change(world)
      await settle(sender)
      expect(calls).toEqual([])
      const story = await loadMessage(acme(store), 'm1')
      expect(story!.message).toMatchObject({
        state,
        sending_at: null,
        attempts: 0,
        ...(dueAt ? { due_at: dueAt } : {}),
      })
      expect(story!.message.reason).toContain(reason)
      expect(story!.attempts).toEqual([])
      expect(story!.transitions.map((step) => step.state)).toEqual(['queued', state])
    })
  })

  test('without a change the same message is sent', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      expect(calls).toHaveLength(1)
    })
  })

  test('a denial written to the store just before the claim is seen', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, calmWorld())
      await queue(store, [
        newMessage({ messageId: 'm1' }),
        newMessage({ messageId: 'm2', customerId: 'bob' }),
      ])
      await store.transaction((tx) => deny(tx.workspace('acme'), 'ann'))
      await settle(sender)
      expect(calls.map((message) => message.customerId)).toEqual(['bob'])
    })
  })

  test('transactional messages pass consent, caps, holdout and budget, never suppression or the kill switch', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      for (const { change, rule } of changes) {
        if (
          ![
            'suppression',
            'kill switch',
            'campaign gone',
            'campaign paused',
            'campaign ended',
            'offer withdrawn',
          ].includes(rule)
        )
          change(world)
      }
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      await queue(store, [newMessage({ messageId: 'm1', transactional: true })])
      await settle(sender)
      expect(calls).toHaveLength(1)
      expect(calls[0]!.headers['List-Unsubscribe']).toBeUndefined()

      await queue(store, [newMessage({ messageId: 'm2', transactional: true })])
      world.customer.suppressions = { email: 'bounce' }
      await settle(sender)
      expect(calls).toHaveLength(1)
    })
  })
})

describe('within one batch', () => {
  test('messages of one customer see the slots taken before them', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.settings.frequencyCaps = [{ sendsMax: 2, window: { hours: 24 } }]
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      const ids = ['m1', 'm2', 'm3', 'm4']
      await queue(
        store,
        ids.map((messageId, index) =>
          newMessage({ messageId, dueAt: start - 10 + index, expiresAt: start + 3 * day }),
        ),
      )
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['m1', 'm2'])
      const third = await loadMessage(acme(store), 'm3')
      expect(third!.message).toMatchObject({ state: 'queued', due_at: start + day })
    })
  })

  test('a higher class is judged first and takes the last slot from one that was due earlier', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.settings.frequencyCaps = [{ sendsMax: 1, window: { hours: 24 } }]
      world.customer.priorities = { alarm: 'high' }
      world.specOf = (campaignId) => (campaignId === 'alarm' ? { priority: 'high' } : {})
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      await queue(store, [
        newMessage({ messageId: 'm1', dueAt: start - 10, expiresAt: start + 3 * day }),
        newMessage({ messageId: 'm2', dueAt: start - 5, campaignId: 'alarm' }),
        newMessage({ messageId: 'm3', customerId: 'bob', dueAt: start - 10, expiresAt: start + hour }),
        newMessage({ messageId: 'm4', customerId: 'bob', dueAt: start - 5, campaignId: 'alarm' }),
      ])
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['m2', 'm4'])
      const first = await loadMessage(acme(store), 'm1')
      const reason = 'frequency-cap:outranked'
      expect(first!.message).toMatchObject({ state: 'queued', reason, due_at: start + day })
      expect((await loadMessage(acme(store), 'm3'))!.message).toMatchObject({ state: 'lapsed', reason })
    })
  })

  test('where the higher class lapses in the same claim, the lower one goes', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.settings.frequencyCaps = [{ sendsMax: 1, window: { hours: 24 } }]
      world.customer.priorities = { alarm: 'high' }
      world.specOf = (campaignId) => (campaignId === 'alarm' ? { priority: 'high' } : {})
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      await queue(store, [
        newMessage({ messageId: 'm1', dueAt: start - 10 }),
        newMessage({ messageId: 'm2', dueAt: start - 5, campaignId: 'alarm', expiresAt: start - 1 }),
      ])
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['m1'])
    })
  })

  test('the least gap lies between two that are due at once', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.settings.leastGaps = [{ minutes: 30 }]
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender, clock } = await createBench(store, channel, world)
      await queue(store, [
        newMessage({ messageId: 'm1', dueAt: start - 10 }),
        newMessage({ messageId: 'm2' }),
      ])
      await settle(sender)
      expect((await loadMessage(acme(store), 'm2'))!.message).toMatchObject({
        state: 'queued',
        reason: 'least-gap:least_gap',
        due_at: start + hour / 2,
      })
      clock.stepTo(start + hour / 2)
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['m1', 'm2'])
    })
  })

  test('messages of one campaign see the money spent before them', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.spec.budgetMicros = 2500
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      const ids = ['a', 'b', 'c', 'd']
      await queue(
        store,
        ids.map((id, index) => newMessage({ messageId: id, customerId: id, dueAt: start - 10 + index })),
      )
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['a', 'b'])
    })
  })
})

describe('time', () => {
  test('what is not due waits, what has expired lapses', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender, clock } = await createBench(store, channel, calmWorld())
      await queue(store, [
        newMessage({ messageId: 'later', dueAt: start + 1 }),
        newMessage({ messageId: 'old', expiresAt: start - 1 }),
        newMessage({ messageId: 'last-moment', customerId: 'bob', expiresAt: start }),
      ])
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['last-moment'])
      expect((await loadMessage(acme(store), 'old'))!.message).toMatchObject({
        state: 'lapsed',
        reason: 'expired',
      })
      clock.stepTo(start + 1)
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['last-moment', 'later'])
    })
  })

  test('a deferral beyond the expiry lapses with the reason', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.settings.quietHours = { from: '10:00', until: '15:00' }
      const { channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(store, channel, world)
      await queue(store, [newMessage({ messageId: 'm1', expiresAt: start + 2 * hour })])
      await settle(sender)
      expect((await loadMessage(acme(store), 'm1'))!.message).toMatchObject({
        state: 'lapsed',
        reason: 'quiet-hours:quiet_hours',
      })
    })
  })

  test('a message put off again for the same reason adds nothing to its history', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.campaign.state = 'paused'
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender, clock } = await createBench(store, channel, world)
      await queue(store, [newMessage({ messageId: 'm1' })])
      for (let i = 0; i < 5; i++) {
        await settle(sender)
        clock.stepTo(clock.now() + hour)
      }
      world.campaign.state = 'live'
      await settle(sender)
      expect(calls).toHaveLength(1)
      const story = await loadMessage(acme(store), 'm1')
      expect(story!.transitions.map((step) => step.state)).toEqual(['queued', 'queued', 'sending', 'sent'])
    })
  })

  test('a claim is committed with slot, attempt and lease before the provider is called', async () => {
    await withStore(async (store) => {
      const seen: unknown[] = []
      const { channel } = scriptedChannel(async (message) => {
        const story = await loadMessage(acme(store), message.messageId)
        seen.push(story!.message, ...story!.attempts)
        return sent
      })
      const { sender, wallClock } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      expect(seen).toMatchObject([
        {
          state: 'sending',
          sending_at: start,
          attempts: 1,
          lease_owner: 'sender-1',
          lease_until: wallClock.now() + 120_000,
        },
        { attempt: 1, provider: 'scripted', result: '', ended_at: null },
      ])
    })
  })
})

test('one workspace never claims another’s messages', async () => {
  await withStore(async (store) => {
    const { calls, channel } = scriptedChannel(() => sent)
    const { sender } = await createBench(store, channel, calmWorld())
    await queue(store, [newMessage({ messageId: 'm1' })], 'other')
    await settle(sender)
    expect(calls).toEqual([])
  })
})
