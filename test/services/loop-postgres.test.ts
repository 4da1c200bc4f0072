import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recountSpend } from '../../src/action/campaign-spend.ts'
import { countMessages } from '../../src/action/message-rows.ts'
import { readShopReport, shopWorkspace } from '../../src/cli/demo/shop-installation.ts'
import type { EngineParts } from '../../src/pipeline/engine-parts.ts'
import { playSmallShop, type SmallShopPlay } from '../support/play-small-shop.ts'
import { createDatabase, type TestDatabase } from './postgres.ts'

/**
 * The whole loop on PostgreSQL and on SQLite with one seed: what is stored differently must not make a
 * different decision, message, reward or figure.
 */
describe('a small shop on PostgreSQL', () => {
  const shop: SmallShopPlay = { seed: 11, customers: 120, days: 10 }
  let database: TestDatabase
  let onPostgres: Played
  let onSqlite: Played

  beforeAll(async () => {
    database = await createDatabase()
    onSqlite = await playSmallShop(shop, played)
    onPostgres = await playSmallShop({ ...shop, storeUrl: database.url }, played)
  })
  afterAll(() => database.drop())

  it('went through every stage', () => {
    const { decisions, messages, merged, rewards, consents } = onPostgres
    expect(decisions.length).toBeGreaterThan(100)
    expect(messages.filter((message) => message.state === 'sent').length).toBeGreaterThan(20)
    expect(merged.length).toBeGreaterThan(10)
    expect(rewards.some((reward) => reward.y === 1)).toBe(true)
    expect(rewards.some((reward) => reward.y === 0)).toBe(true)
    expect(consents.some((consent) => consent.state === 'denied')).toBe(true)
  })

  it('is decided as on SQLite, byte by byte', () => {
    expect(onPostgres.decisions).toEqual(onSqlite.decisions)
    expect(onPostgres.assignments).toEqual(onSqlite.assignments)
  })

  it('sends the same messages and asks nobody again who opted out', () => {
    expect(onPostgres.messages).toEqual(onSqlite.messages)
    expect(onPostgres.consents).toEqual(onSqlite.consents)
    expect(onPostgres.outbox).toEqual(onSqlite.outbox)
  })

  it('merges and profiles the same customers', () => {
    expect(onPostgres.merged).toEqual(onSqlite.merged)
    expect(onPostgres.profiles).toEqual(onSqlite.profiles)
  })

  it('learns from the same rewards', () => {
    expect(onPostgres.exposures).toEqual(onSqlite.exposures)
    expect(onPostgres.rewards).toEqual(onSqlite.rewards)
    expect(onPostgres.weights).toEqual(onSqlite.weights)
  })

  it('reports the same figures', () => {
    expect(onPostgres.report).toEqual(onSqlite.report)
    expect(onPostgres.counts).toEqual(onSqlite.counts)
    expect(onPostgres.spendDifferences).toEqual([])
  })
})

type Played = Awaited<ReturnType<typeof played>>

async function played(parts: EngineParts) {
  const db = parts.store.read.workspace(shopWorkspace)
  const all = async <T extends Parameters<typeof db.selectFrom>[0]>(table: T, ...order: string[]) => {
    const rows = (await db.selectFrom(table).selectAll().execute()) as Record<string, unknown>[]
    const keyOf = (row: Record<string, unknown>) => order.map((column) => String(row[column])).join('\u0000')
    return rows.map(comparable).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }
  const customers = await all('customers', 'customer_id')
  return {
    decisions: await all('decisions', 'decision_id'),
    assignments: await all('assignments', 'campaign_id', 'customer_id'),
    messages: await all('messages', 'message_id'),
    outbox: (await all('outbox', 'message_id')).map(({ message_id, customer_id, subject }) => ({
      message_id,
      customer_id,
      subject,
    })),
    consents: await all('consents', 'customer_id', 'channel'),
    merged: customers.filter((row) => row.merged_into !== null),
    profiles: customers.map(({ customer_id, profile_json }) => ({ customer_id, profile_json })),
    exposures: await all('exposures', 'decision_id', 'campaign_id'),
    rewards: await all('rewards', 'sequence'),
    weights: (await all('snapshots', 'sequence')).map(({ sequence, t, bound_micros, weights }) => ({
      sequence,
      t,
      bound_micros,
      weights,
    })),
    counts: await countMessages(db),
    spendDifferences: await recountSpend(db),
    report: await readShopReport(parts),
  }
}

/** JSON as values, since jsonb has an order of keys of its own; bytes as hex. */
function comparable(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (name.endsWith('_json')) return [name, JSON.parse(String(value))]
      return [name, value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value]
    }),
  )
}
