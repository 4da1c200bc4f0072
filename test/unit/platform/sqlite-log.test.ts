import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventLog, LogAppend } from '#contracts/event-log.ts'
import { decodeAppend, encodeAppend } from '#platform/log/append-frame.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { createLogClient } from '#platform/log/log-client.ts'
import type { LogDamage } from '#platform/log/log-limits.ts'
import { checksumOf } from '#platform/log/row-codec.ts'
import { createSqliteLog } from '#platform/log/sqlite-log.ts'
import { startLogThread } from '#platform/log/start-log-thread.ts'
import { many, readAll, record } from '../../contract/event-log-contract.ts'

const wallClock = { now: Date.now }
let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-log-'))
  file = join(folder, 'log.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('syncs to the disk at each commit', () => {
  const log = createSqliteLog({ file, wallClock })
  expect(log.database.prepare('pragma synchronous').get()).toEqual({ synchronous: 2 })
  expect(log.database.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
  log.close()
})

test('the number of partitions stays what the file was made with', async () => {
  createSqliteLog({ file, wallClock, partitions: 4 }).close()
  const again = createSqliteLog({ file, wallClock })
  expect(again.partitions).toBe(4)
  again.close()
  expect(() => createSqliteLog({ file, wallClock, partitions: 8 })).toThrow(
    `${file} was made with 4 partitions and cannot be opened with 8`,
  )
  await expect(startLogThread({ file, partitions: 8 })).rejects.toThrow('was made with 4 partitions')
  expect(() => createSqliteLog({ file: join(folder, 'x.db'), wallClock, partitions: 0 })).toThrow(RangeError)
})

test('a file of a newer format is refused', () => {
  const log = createSqliteLog({ file, wallClock })
  log.database.exec('update log_meta set format = 3')
  log.close()
  const line = /log\.db was written by a newer version of Starling \(it has log format 3, .*Run that version/
  expect(() => createSqliteLog({ file, wallClock })).toThrow(line)
})

test('a damaged record is null and reported where it stands; its neighbours are read', async () => {
  const damages: LogDamage[] = []
  const log = createInThreadLog({ file, wallClock, partitions: 1, onDamage: (one) => damages.push(one) })
  for (const call of ['a', 'b', 'c', 'd']) await log.append(many(3, call))
  await log.append([{ key: 'k', body: '{"v":' }])
  const vandal = new DatabaseSync(file)
  vandal.exec(`update log_rows set body = cast(replace(cast(log_rows.body as text), 'b.1', 'b.9') as blob)
    where log_rows.position = 3`)
  vandal.exec('update log_rows set records = 900 where log_rows.position = 6')
  vandal.exec('update log_rows set body = zeroblob(length(log_rows.body)) where log_rows.position = 9')
  vandal.close()

  expect(await idsOf(log)).toEqual('a.0 a.1 a.2 b.0 - b.2 c.0 c.1 c.2 - - - -'.split(' '))
  expect(damages).toEqual([
    { partition: 0, baseOffset: 4, records: 1, reason: 'checksum does not match' },
    { partition: 0, baseOffset: 9, records: 3, reason: 'checksum does not match' },
    { partition: 0, baseOffset: 12, records: 1, reason: 'not a record this version reads' },
  ])
  await log.close()
})

test('a log of format 1 is taken over: its rows are read as they are, new ones have checks', async () => {
  await makeFormat1(file, [many(2, 'old'), many(2, 'damaged')])
  const damages: LogDamage[] = []
  const log = createInThreadLog({ file, wallClock, onDamage: (one) => damages.push(one) })
  await log.append(many(2, 'new'))
  expect(await idsOf(log)).toEqual('old.0 old.1 - - new.0 new.1'.split(' '))
  expect(damages).toEqual([{ partition: 0, baseOffset: 2, records: 2, reason: 'checksum does not match' }])
  await log.close()
  const rows = new DatabaseSync(file).prepare(
    'select log_rows.format, length(log_rows.checks) as bytes from log_rows',
  )
  expect(rows.all()).toEqual([
    { format: 1, bytes: 0 },
    { format: 1, bytes: 0 },
    { format: 2, bytes: 16 },
  ])
})

test('damage on the disk: throughout a row, and to the chain of its pages', async () => {
  const writer = createInThreadLog({ file, wallClock, partitions: 1 })
  for (const call of ['before', 'struck', 'after']) await writer.append(many(60, call))
  await writer.close()
  const sound = readFileSync(file)
  // The head of a row stands in another page than the rest.
  const first = sound.indexOf('struck.15')
  const last = sound.indexOf('struck.55')
  expect(last - first).toBeGreaterThan(2 * 4096)
  for (let at = first; at < last; at += 509) {
    const { ids, damages } = await readDamaged(sound, [at])
    expect(ids.slice(0, 60)).toEqual(many(60, 'before').map((_, i) => `before.${i}`))
    expect(ids.slice(120)).toEqual(many(60, 'after').map((_, i) => `after.${i}`))
    const struck = ids.slice(60, 120)
    struck.forEach((id, i) => {
      expect([`struck.${i}`, '-']).toContain(id)
    })
    // A byte of a page's link to the next takes what follows it along.
    const isLink = at % 4096 < 4
    expect(struck.filter((id) => id === '-').length).toBeLessThanOrEqual(isLink ? 60 : 1)
    expect(damages.reduce((sum, one) => sum + one.records, 0)).toBe(struck.filter((id) => id === '-').length)
  }
  const page = Math.ceil(first / 4096) * 4096
  for (const link of [page, page + 1, page + 2, page + 3]) {
    const { ids, damages } = await readDamaged(sound, [link])
    expect(ids.filter((id) => id.startsWith('before') || id.startsWith('after'))).toHaveLength(120)
    expect(ids).toHaveLength(180)
    expect(damages.length).toBeGreaterThan(0)
  }
})

test('a full disk is unavailable, all or none, and appending goes on when there is room again', () => {
  const log = createSqliteLog({ file, wallClock })
  const call = (name: string) => decodeAppend(encodeAppend(0, many(50, name), log.partitions)).runs
  expect(log.append([call('before')])).toEqual([{ kind: 'appended' }])
  const before = log.nextOffsets()
  const { page_count: pages } = log.database.prepare('pragma page_count').get() as { page_count: number }
  log.database.exec(`pragma max_page_count = ${pages}`)
  const full = { kind: 'unavailable', reason: 'the disk is full (SQLite 13)' }
  expect(log.append([call('x'), call('y')])).toEqual([full, full])
  expect(log.nextOffsets()).toEqual(before)
  log.database.exec('pragma max_page_count = 1000000')
  expect(log.append([call('after')])).toEqual([{ kind: 'appended' }])
  expect(log.database.prepare('select sum(log_rows.records) as n from log_rows').get()).toEqual({ n: 100 })
  log.close()
})

test('when the log thread ends first, its clients get an answer to every call and no false one', async () => {
  const thread = await startLogThread({ file })
  const client = createLogClient(thread.connect())
  const underWay = Array.from({ length: 50 }, (_, i) => client.append(many(5, `c${i}`)))
  await thread.close()
  const kinds = (await Promise.all(underWay)).map((answer) => answer.kind)
  expect(await client.append(many(1, 'late'))).toMatchObject({ kind: 'unavailable' })
  await client.close()

  const log = createInThreadLog({ file, wallClock })
  const ids = (await readAll(log.consumer('worker'))).flatMap((batch) =>
    batch.records.map((one) => one?.eventId),
  )
  kinds.forEach((kind, i) => {
    const found = ids.filter((id) => id?.startsWith(`c${i}.`)).length
    if (kind === 'appended') expect(found).toBe(5)
    else expect([0, 5]).toContain(found)
  })
  await log.close()
})

test('calls that wait together share one commit', async () => {
  let commits = 0
  const log = createInThreadLog({ file, wallClock, onAppended: () => commits++ })
  await Promise.all(Array.from({ length: 32 }, (_, i) => log.append(many(5, `c${i}`))))
  expect(commits).toBe(1)
  await log.close()
})

test('no later call overtakes a refused one', () => {
  const log = createSqliteLog({ file, wallClock, limits: { backlogBytesMax: 5000 } })
  const call = (count: number) => decodeAppend(encodeAppend(0, many(count, 'x'), log.partitions)).runs
  const kinds = log.append([call(1), call(100), call(1)]).map((result) => result.kind)
  expect(kinds).toEqual(['appended', 'full', 'full'])
  log.close()
})

test('what retention deleted is overwritten in the file', async () => {
  const log = createInThreadLog({ file, wallClock, limits: { retentionMs: -1000 } })
  await log.append([record('secret-person', 'e1')])
  const consumer = log.consumer('worker')
  for (const batch of await readAll(consumer)) consumer.committed(batch.partition, batch.nextOffset)
  await log.maintain()
  await log.close()
  expect(readFileSync(file).includes('secret-person')).toBe(false)
})

test('old records stay while they are young, by the wall clock', async () => {
  let now = 1_000_000
  const log = createInThreadLog({ file, wallClock: { now: () => now }, limits: { retentionMs: 500 } })
  await log.append([record('c', 'e1')])
  const consumer = log.consumer('worker')
  const [batch] = await readAll(consumer)
  consumer.committed(batch!.partition, batch!.nextOffset)
  const stays = async () => {
    await log.maintain()
    consumer.seek(batch!.partition, 0)
    return (await consumer.poll(1, 0)) !== null
  }
  now += 500
  expect(await stays()).toBe(true)
  now += 1
  expect(await stays()).toBe(false)
  await log.close()
})

test('hot reads use the primary key', () => {
  const log = createSqliteLog({ file, wallClock })
  const plan = log.database
    .prepare(`explain query plan select log_rows.body from log_rows where log_rows.position <= 5
      and log_rows.position >= 0 order by log_rows.position desc limit 1`)
    .all()
  expect(plan.map((line) => line.detail)).toEqual([
    expect.stringMatching(/^SEARCH log_rows USING INTEGER PRIMARY KEY/),
  ])
  log.close()
})

/** Event ids in order, '-' for a record that could not be read. */
async function idsOf(log: EventLog): Promise<string[]> {
  const batches = await readAll(log.consumer('worker'))
  return batches.flatMap((batch) => batch.records.map((one) => one?.eventId ?? '-'))
}

async function readDamaged(sound: Buffer, at: number[]) {
  const damages: LogDamage[] = []
  const bytes = Buffer.from(sound)
  for (const place of at) bytes[place]! ^= 0x15
  const copy = join(folder, 'damaged.db')
  for (const companion of ['-wal', '-shm']) rmSync(copy + companion, { force: true })
  writeFileSync(copy, bytes)
  const log = createInThreadLog({ file: copy, wallClock, onDamage: (one) => damages.push(one) })
  const ids = await idsOf(log)
  await log.close()
  return { ids, damages }
}

/** A file as the first version wrote it, one row a call; the last row is damaged. */
async function makeFormat1(path: string, calls: LogAppend[][]): Promise<void> {
  createSqliteLog({ file: path, wallClock, partitions: 1 }).close()
  const database = new DatabaseSync(path)
  database.exec('alter table log_rows drop column checks; update log_meta set format = 1')
  const insert = database.prepare('insert into log_rows values (?, ?, ?, ?, ?, ?, ?)')
  let position = 0
  calls.forEach((records, i) => {
    const body = Buffer.from(records.map((one) => one.body).join('\n'))
    const row = { position, records: records.length, format: 1, body }
    const checksum = checksumOf(row) + (i === calls.length - 1 ? 1 : 0)
    insert.run(position, row.records, Date.now(), 0, 1, checksum, body)
    position += row.records
  })
  database.prepare('update log_tails set next_offset = ?').run(position)
  database.close()
}
