import { expect, test } from 'vitest'
import type { Condition } from '#contracts/condition.ts'
import type { Store } from '#platform/store/store.ts'
import { type Audience, audiencePage, audienceSize } from '../../../src/profile/audience.ts'
import { mergeCustomerRows, saveCustomers } from '../../../src/profile/customer-rows.ts'
import { at, customer, dayMs, useStores, workspace, write } from './support.ts'

const open = useStores()
const now = at('2026-03-10T12:00:00Z')

function audience(condition: Condition, segments: Record<string, Condition> = {}): Audience {
  return { condition, segments: new Map(Object.entries(segments)), now }
}

/** Customers 00000, 00001 …, each with its number as the trait `n`. */
async function fill(store: Store, count: number): Promise<void> {
  const customers = Array.from({ length: count }, (_, n) => {
    const one = customer(now, String(n).padStart(5, '0'))
    one.profile.traits = { n }
    return one
  })
  await write(store, (db) => saveCustomers(db, customers, now))
}

test('pages name everybody once and in order, however far apart they are', async () => {
  const store = await open()
  await fill(store, 4100)
  const db = store.read.workspace(workspace)
  const far = audience({
    any: [
      { trait: 'n', op: 'lt', value: 3 },
      { trait: 'n', op: 'gte', value: 4098 },
    ],
  })
  const pages: string[][] = []
  for (let after: string | null = ''; after !== null; ) {
    const page = await audiencePage(db, far, { after, limit: 2 })
    pages.push(page!.customerIds)
    after = page!.next
  }
  expect(pages.flat()).toEqual(['00000', '00001', '00002', '04098', '04099'])
  expect(pages.every((page) => page.length <= 2)).toBe(true)
  expect(await audienceSize(db, far)).toBe(5)
  expect(await audienceSize(db, audience({ all: [] }))).toBe(4100)
  expect(await audienceSize(db, audience({ any: [] }))).toBe(0)
})

test('whoever was merged away is left out, and so is every other workspace', async () => {
  const store = await open()
  await fill(store, 3)
  await write(store, (db) => mergeCustomerRows(db, '00001', '00002', now))
  const everybody = audience({ all: [] })
  expect((await audiencePage(store.read.workspace(workspace), everybody, { after: '', limit: 9 }))!).toEqual({
    customerIds: ['00000', '00002'],
    next: null,
  })
  expect(await audienceSize(store.read.workspace('other'), everybody)).toBe(0)
})

test('windows and ages are those of the moment asked for', async () => {
  const store = await open()
  const bought = customer(now, 'bought')
  const lastAt = now - 7 * dayMs
  const day = Math.floor(lastAt / dayMs)
  bought.profile.counts['Order Completed'] = {
    total: 2,
    firstAt: lastAt,
    lastAt,
    valueMicros: 30_000_000,
    days: [[day, 2, 30_000_000]],
  }
  await write(store, (db) => saveCustomers(db, [bought, customer(now, 'never')], now))
  const db = store.read.workspace(workspace)
  const order = { event: 'Order Completed', op: 'gte' } as const
  const members = async (condition: Condition) =>
    (await audiencePage(db, audience(condition), { after: '', limit: 9 }))!.customerIds
  expect(await members({ ...order, measure: 'count', value: 2, withinDays: 8 })).toEqual(['bought'])
  expect(await members({ ...order, measure: 'count', value: 1, withinDays: 7 })).toEqual([])
  expect(await members({ ...order, measure: 'sum', value: 30 })).toEqual(['bought'])
  expect(await members({ ...order, measure: 'sum', value: 30.01 })).toEqual([])
  expect(await members({ ...order, measure: 'daysSince', value: 7 })).toEqual(['bought', 'never'])
  expect(await members({ ...order, op: 'lte', measure: 'daysSince', value: 7 })).toEqual(['bought'])
  expect(await members({ ...order, op: 'lt', measure: 'daysSince', value: 7 })).toEqual([])
})

test('a segment is what it says now, not what profiles noted, and a very large condition is refused', async () => {
  const store = await open()
  await fill(store, 4)
  const db = store.read.workspace(workspace)
  const high: Condition = { trait: 'n', op: 'gte', value: 2 }
  const last: Condition = { all: [{ segment: 'high' }, { not: { trait: 'n', op: 'eq', value: 2 } }] }
  expect(await audienceSize(db, audience({ segment: 'last' }, { high, last }))).toBe(1)
  expect(await audienceSize(db, audience({ segment: 'gone' }, { high }))).toBe(0)
  const hundred: Condition = { all: Array.from({ length: 100 }, () => high) }
  const nested = (depth: number): Condition => (depth === 0 ? hundred : { all: [nested(depth - 1), high] })
  expect(await audienceSize(db, audience({ all: Array.from({ length: 19 }, () => hundred) }))).toBe(2)
  expect(await audienceSize(db, audience({ all: Array.from({ length: 20 }, () => hundred) }))).toBeNull()
  expect(await audienceSize(db, audience(nested(99)))).toBe(2)
  expect(await audienceSize(db, audience(nested(100)))).toBeNull()
})
