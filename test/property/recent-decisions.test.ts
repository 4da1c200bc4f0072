import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { createRecentDecisions } from '../../src/pipeline/placement/recent-decisions.ts'

const keptMs = 300_000
const customers = ['ada', 'bob', 'cy']

/** As plain as can be: all that was ever given, in order; the last of an id counts. */
function createModel() {
  let given: { customerId: string; slot: ContactSlot; at: number }[] = []
  return {
    add(customerId: string, slots: ContactSlot[], at: number) {
      const ids = new Set(slots.map(({ messageId }) => messageId))
      given = given.filter(({ slot }) => !ids.has(slot.messageId))
      given.push(...slots.map((slot) => ({ customerId, slot, at })))
      given = given.filter((own) => own.at + keptMs > at)
    },
    of: (customerId: string) => given.filter((own) => own.customerId === customerId).map(({ slot }) => slot),
    customerOf: (id: string) => given.find(({ slot }) => slot.messageId === id)?.customerId,
  }
}

const step = fc.record({
  customerId: fc.constantFrom(...customers),
  ids: fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { maxLength: 3 }),
  laterMs: fc.constantFrom(0, 1, 100_000, 299_999, 300_000),
  stored: fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { maxLength: 3 }),
})

test('what was given is remembered for five minutes, once, in order, and not beside its stored self', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let now = 0
      const recent = createRecentDecisions({ now: () => now })
      const model = createModel()
      for (const { customerId, ids, laterMs, stored } of steps) {
        now += laterMs
        const slots = ids.map((id) => slotOf(`${customerId}-${id}`))
        recent.add('main', customerId, slots)
        model.add(customerId, slots, now)
        const known = stored.map((id) => slotOf(`${customerId}-${id}`))
        const knownIds = new Set(known.map(({ messageId }) => messageId))
        expect(recent.withRecent('main', customerId, known)).toEqual([
          ...known,
          ...model.of(customerId).filter(({ messageId }) => !knownIds.has(messageId)),
        ])
        expect(recent.withRecent('other', customerId, [])).toEqual([])
        for (const id of [...ids, ...stored])
          expect(recent.customerOf('main', `${customerId}-${id}`)).toBe(
            model.customerOf(`${customerId}-${id}`),
          )
      }
    }),
  )
})

function slotOf(messageId: string): ContactSlot {
  return { messageId, channel: 'in-app', campaignId: 'c', state: 'sent', at: 1, transactional: false }
}
