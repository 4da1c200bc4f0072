import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eventErrors } from '#contracts/errors.ts'
import { createIngestWorld, product, receivedAt, refused } from './support/ingest-world.ts'

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])
const text = fc.string({ maxLength: 40 }).map((value) => value.replaceAll('\0', ''))
const id = fc
  .string({ minLength: 1, maxLength: 256 })
  .map((value) => `i${value.replaceAll('\0', '')}`.slice(0, 256))
const key = fc
  .string({ minLength: 1, maxLength: 20 })
  .filter((value) => !forbidden.has(value) && !value.includes('\0'))
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
)
const object = fc.dictionary(
  key,
  fc.oneof(scalar, fc.array(scalar, { maxLength: 5 }), fc.dictionary(key, scalar, { maxKeys: 5 })),
  {
    maxKeys: 10,
  },
)
const common = {
  messageId: id,
  properties: fc.option(object),
  context: object,
  integrations: object,
  timestamp: fc
    .integer({ min: 0, max: receivedAt + 23 * 3_600_000 })
    .map((instant) => new Date(instant).toISOString()),
}
const optional = { requiredKeys: [] as never[] }
const event = fc
  .oneof(
    fc.tuple(
      fc.constant('track'),
      fc.record({ userId: id, event: id, traits: object }),
      fc.record(common, optional),
    ),
    fc.tuple(
      fc.constant('identify'),
      fc.record({ userId: id, anonymousId: fc.option(id), traits: object }),
      fc.record(common, optional),
    ),
    fc.tuple(
      fc.constant('page'),
      fc.record({ anonymousId: id, name: fc.option(text) }),
      fc.record(common, optional),
    ),
    fc.tuple(fc.constant('screen'), fc.record({ anonymousId: id, name: text }), fc.record(common, optional)),
    fc.tuple(fc.constant('group'), fc.record({ userId: fc.nat(), groupId: id }), fc.record(common, optional)),
    fc.tuple(fc.constant('alias'), fc.record({ userId: id, previousId: id }), fc.record(common, optional)),
  )
  .map(([type, own, shared]) => ({ type, ...own, ...shared }))

test('a valid event is never refused, and its content arrives unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 5 }), async (batch) => {
      const world = createIngestWorld()
      try {
        expect(await world.send({ batch })).toEqual({
          kind: 'accepted',
          accepted: batch.length,
          rejected: [],
        })
        const records = await world.records()
        expect(records).toHaveLength(batch.length)
        for (const sent of batch as {
          type: string
          messageId?: string
          context?: object
          traits?: object
        }[]) {
          if (sent.messageId === undefined) continue
          const record = records.find(
            ({ eventId, kind, payload }) =>
              eventId === sent.messageId &&
              kind === sent.type &&
              JSON.stringify((payload as { context?: object }).context) === JSON.stringify(sent.context),
          )
          expect(record).toBeDefined()
          if (batch.length === 1) expect(product(record).traits).toEqual(jsonOf(sent.traits))
        }
      } finally {
        await world.close()
      }
    }),
    { numRuns: 60 },
  )
})

test('whatever is sent, each event is either accepted or kept with a code of the table', async () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    event.chain((good) =>
      fc
        .tuple(fc.constantFrom(...Object.keys(good), 'timestamp', 'sentAt'), fc.jsonValue())
        .map(([field, value]) => ({ ...good, [field]: value })),
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { maxLength: 6 }), async (batch) => {
      const world = createIngestWorld()
      try {
        const answer = await world.send({ batch })
        if (answer.kind !== 'accepted') throw new Error(answer.fault.detail)
        expect(answer.accepted + answer.rejected.length).toBe(batch.length)
        const kept = (await world.records()).filter((record) => record.kind === 'rejected').map(refused)
        expect(kept).toHaveLength(answer.rejected.length)
        for (const { index, code } of answer.rejected) {
          expect(eventErrors).toHaveProperty(code)
          expect(
            kept.some((payload) => payload.code === code && payload.body === JSON.stringify(batch[index])),
          ).toBe(true)
        }
      } finally {
        await world.close()
      }
    }),
    { numRuns: 150 },
  )
})

function jsonOf(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
