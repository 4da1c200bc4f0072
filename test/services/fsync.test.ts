import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Promised, readTrace, straceArguments, type TracedCall, violationsOf } from './fsync-trace.ts'

/** Sent one after the other, then at once: each size names its batch. */
const oneByOne = [3, 5, 7, 40]
const atOnce = [11, 13, 17, 19]
const batches = [...oneByOne, ...atOnce].map(
  (size): Promised => ({
    name: `the batch of ${size}`,
    file: '/log.db-wal',
    mark: markOf(size),
    answer: `\\"accepted\\":${size},`,
  }),
)
const optOut: Promised = {
  name: 'the opt-out',
  file: '/store.db-wal',
  mark: 'a-source-for-fsync',
  answer: '\\"alreadySending\\":[]',
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-fsync-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

beforeAll(() => {
  if (spawnSync('strace', ['-V']).error !== undefined) {
    throw new Error('this test traces system calls and needs strace: apt-get install strace')
  }
})

test('between each write and its answer the server syncs: batches to the log, an opt-out to the store', async () => {
  const calls = await traceBatches(
    [fileURLToPath(new URL('../../src/main.ts', import.meta.url))],
    {
      STARLING_DATA_DIR: folder,
      STARLING_PORT: '0',
      STARLING_WRITE_KEY: writeKey,
      STARLING_ADMIN_KEY: adminKey,
    },
    sayNo,
  )
  expect(violationsOf(calls, [...batches, optOut])).toEqual([])
})

const child = fileURLToPath(new URL('fsync-log-child.ts', import.meta.url))

test('the checker finds nothing to object to in the log alone, and every batch where it does not sync', async () => {
  const durable = await traceBatches([child, '--file', join(folder, 'log.db'), '--synchronous', 'full'], {})
  expect(violationsOf(durable, batches)).toEqual([])
  rmSync(folder, { recursive: true })
  folder = mkdtempSync(join(tmpdir(), 'starling-fsync-'))
  const careless = await traceBatches([child, '--file', join(folder, 'log.db'), '--synchronous', 'off'], {})
  expect(violationsOf(careless, batches)).toEqual(
    batches.map(({ name }) => `no sync between the write and the answer of ${name}`),
  )
})

test('the checker finds an answer that leaves before its sync has ended', async () => {
  const calls = await traceBatches([child, '--file', join(folder, 'log.db'), '--synchronous', 'full'], {})
  const late = calls.map((call) =>
    call.name.endsWith('sync') ? { ...call, endedAt: call.endedAt + 60 } : call,
  )
  expect(violationsOf(late, batches)).toHaveLength(batches.length)
  const early = calls.map((call) => (call.name.endsWith('sync') ? { ...call, startedAt: 0 } : call))
  expect(violationsOf(early, batches)).toHaveLength(batches.length)
})

const writeKey = 'fsync:secret'
const adminKey = 'fsync:admin-secret'

function markOf(size: number): string {
  return `batch-of-${size}-event-`
}

/** Runs the script under strace, sends the batches, and gives the calls it made. */
async function traceBatches(
  script: string[],
  settings: Record<string, string>,
  more: (url: string) => Promise<void> = async () => {},
): Promise<TracedCall[]> {
  const trace = join(folder, 'trace.txt')
  const traced = spawn('strace', [...straceArguments(trace), process.execPath, ...script], {
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const url = await addressOf(traced)
    for (const size of oneByOne) await send(url, size)
    await Promise.all(atOnce.map((size) => send(url, size)))
    await more(url)
  } finally {
    const ended = once(traced, 'exit')
    // strace hands the signal on to what it traces only when that one is named.
    const [pid] = readFileSync(trace, 'utf8').split(' ', 1)
    process.kill(Number(pid), 'SIGTERM')
    await ended
  }
  return readTrace(readFileSync(trace, 'utf8'))
}

async function addressOf(traced: ChildProcess): Promise<string> {
  let output = ''
  return new Promise((resolve, reject) => {
    traced.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const url = /Starling is ready at (\S+)/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    })
    traced.once('exit', (code) => reject(new Error(`it ended with code ${code} before it served: ${output}`)))
  })
}

async function send(url: string, size: number): Promise<void> {
  const batch = Array.from({ length: size }, (_, i) => ({
    type: 'track',
    messageId: `${markOf(size)}${i}`,
    userId: 'ann',
    event: 'Visited',
    properties: {},
  }))
  const response = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
    },
    body: JSON.stringify({ batch }),
  })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ accepted: size })
}

async function sayNo(url: string): Promise<void> {
  const response = await fetch(`${url}/api/v1/customers/ann/consents/email`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ state: 'denied', source: optOut.mark }),
  })
  expect(await response.json()).toMatchObject({ alreadySending: [] })
}
