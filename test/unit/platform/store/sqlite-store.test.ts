import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BackupProgress, backupSqlite } from '#platform/store/backup.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { SystemQuery } from '#platform/store/recurring-query.ts'
import { createWriterTicket, type WriterTicket } from '#platform/store/writer-ticket.ts'

let folder: string
let file: string
let ticket: WriterTicket
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-store-'))
  file = join(folder, 'store.db')
  ticket = createWriterTicket()
})
afterEach(() => rm(folder, { recursive: true }))

describe('SQLite store', () => {
  it('tells a transaction that another one waits', async () => {
    const store = await openStore({ file, ticket })
    const other = await openStore({ file, ticket })
    let second: Promise<void> | undefined
    await store.transaction(async (tx) => {
      expect(tx.othersWait()).toBe(false)
      second = other.transaction(async () => {})
      expect(tx.othersWait()).toBe(true)
    })
    await second
    await store.close()
    await other.close()
  })

  it('reads at once under one snapshot, which ends before anything waits', async () => {
    const store = await openStore({ file, ticket })
    const byName: SystemQuery<{ name: string }, { value: string }> = {
      like: { name: 'text' },
      build: (system, { name }) =>
        system.selectFrom('system_settings').select('value').where('system_settings.name', '=', name),
    }
    const values = async () => (await store.read.recurring(byName, { name: 'own' })).map(({ value }) => value)
    const other = new DatabaseSync(file)
    const [before, meanwhile] = store.read.atOnce(() => {
      const first = values()
      other.exec("insert into system_settings (name, value) values ('own', 'new')")
      return [first, values()]
    })
    expect([await before, await meanwhile]).toEqual([[], []])
    expect(await values()).toEqual(['new'])
    expect(() =>
      store.read.atOnce(() => {
        throw new Error('no')
      }),
    ).toThrow('no')
    other.exec("delete from system_settings where name = 'own'")
    expect(await values()).toEqual([])
    other.close()
    await store.close()
  })

  it('gives the ticket back after work that throws', async () => {
    const store = await openStore({ file, ticket })
    await expect(store.transaction(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await store.transaction(async () => 'next')).toBe('next')
    await store.close()
  })

  it('refuses a statement that comes after its transaction', async () => {
    const store = await openStore({ file, ticket })
    const late = await store.transaction(async (tx) => ({ query: tx.workspace('w').deleteFrom('customers') }))
    await expect(late.query.execute()).rejects.toThrow('has ended')
    await store.close()
  })

  it('is written in full before a commit returns, on pages that hold a decision record', async () => {
    const store = await openStore({ file, ticket })
    await store.close()
    const database = new DatabaseSync(file)
    expect(database.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
    expect(database.prepare('pragma page_size').get()).toEqual({ page_size: 8192 })
    expect(database.prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
    const loose = `select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'
      and name <> 'store_migrations' and sql not like '% strict%'`
    expect(database.prepare(loose).all()).toEqual([])
    database.close()
  })

  it('takes no value of the wrong type', async () => {
    const store = await openStore({ file, ticket })
    const row = {
      customer_id: 'a',
      version: 'one' as never,
      merged_into: null,
      profile_json: '{}',
      updated_at: 0,
    }
    const work = store.transaction((tx) => tx.workspace('w').bulkInsert('customers', [row], 'fail'))
    await expect(work).rejects.toThrow('cannot store TEXT value in INTEGER column')
    await store.close()
  })
})

describe('backup', () => {
  it('copies one instant of a store that is written to meanwhile', async () => {
    const store = await openStore({ file, ticket })
    const pair = (n: number) =>
      store.transaction(async (tx) => {
        const rows = Array.from({ length: 200 }, (_, i) => ({
          event_id: `${n}-${i}`,
          day_utc: 0,
          customer_id: 'c',
          kind: 'track',
          name: 'x',
          occurred_at: 0,
          received_at: 0,
          payload_json: JSON.stringify('x'.repeat(4000)),
        }))
        await tx.workspace('a').bulkInsert('events', rows, 'fail')
        await tx.workspace('b').bulkInsert('events', rows, 'fail')
      })
    for (let n = 0; n < 12; n++) await pair(n)

    const to = join(folder, 'copy.db')
    const seen: BackupProgress[] = []
    const writes: Promise<void>[] = []
    await backupSqlite(file, to, (progress) => {
      seen.push(progress)
      if (writes.length < 20) writes.push(pair(100 + writes.length))
    })
    await Promise.all(writes)
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.map((one) => one.donePages)).toEqual(
      seen.map((one) => one.donePages).toSorted((a, b) => a - b),
    )
    expect(seen.at(-1)?.donePages).toBe(seen.at(-1)?.totalPages)
    expect(existsSync(`${to}.partial`)).toBe(false)

    const copy = await openStore({ file: to })
    const count = async (workspace: string) =>
      (await copy.read.workspace(workspace).selectFrom('events').select('event_id').execute()).length
    expect(await count('a')).toBe(2400)
    expect(await count('b')).toBe(2400)
    await copy.close()
    await store.close()
  })

  it('leaves no half a file behind when it cannot be written', async () => {
    const store = await openStore({ file, ticket })
    await expect(backupSqlite(file, join(folder, 'missing', 'copy.db'))).rejects.toThrow()
    expect(existsSync(join(folder, 'missing'))).toBe(false)
    await store.close()
  })
})
