import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** `scripts/services` in a folder of its own, beside the services that the other tests run on. */
const script = fileURLToPath(new URL('../../scripts/services', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'starling-services-'))

beforeAll(() => {
  chmodSync(folder, 0o711)
  expect(call('up', 'postgres', 'redis').status).toBe(0)
})
afterAll(() => {
  call('destroy', 'postgres', 'redis')
  rmSync(folder, { recursive: true })
})

it('keeps what runs: a second up changes nothing', () => {
  const before = [pidOf('postgres'), pidOf('redis')]
  const again = call('up', 'postgres', 'redis')
  expect(again).toMatchObject({ status: 0, stderr: '' })
  expect([pidOf('postgres'), pidOf('redis')]).toEqual(before)
})

it.each(['postgres', 'redis'])('starts a killed %s again on the port it had', (name) => {
  const [pid, port] = [pidOf(name), read(name, 'port')]
  process.kill(pid, 'SIGKILL')
  const seen = call('status', name)
  expect(seen.status).toBe(3)
  expect(seen.stdout).toMatch(/ down /)
  expect(call('up', name).status).toBe(0)
  expect(read(name, 'port')).toBe(port)
  expect(pidOf(name)).not.toBe(pid)
})

it('waits for the disk unless it is told not to', async () => {
  expect(await fsync()).toBe('on')
  expect(call('restart', '--fast', 'postgres').status).toBe(0)
  expect(await fsync()).toBe('off')
})

it('stops what it started, frozen or not, and nothing else', () => {
  const postgres = pidOf('postgres')
  process.kill(pidOf('redis'), 'SIGSTOP')
  expect(call('down', 'redis').status).toBe(0)
  expect(call('status', 'redis').status).toBe(3)
  expect(call('status', 'postgres').status).toBe(0)
  expect(pidOf('postgres')).toBe(postgres)
})

it('does not take a number that another process has now for its own', async () => {
  expect(call('up', 'redis').status).toBe(0)
  const [server, other] = [pidOf('redis'), spawn('sleep', ['60'])]
  // As after a restart of the machine: the number is there again, with another start time.
  writeFileSync(join(folder, 'redis/pid'), `${other.pid}`)
  expect(call('down', 'redis').status).toBe(0)
  expect(existsSync(join(folder, 'redis/pid'))).toBe(false)
  const ended = once(other, 'exit')
  other.kill('SIGUSR1')
  expect(await ended).toEqual([null, 'SIGUSR1'])
  process.kill(server, 'SIGTERM')
})

async function fsync(): Promise<string> {
  const url = /STARLING_TEST_POSTGRES_URL=(.+)/.exec(readFileSync(join(folder, 'env'), 'utf8'))?.[1]
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ fsync: string }>('show fsync')
  await client.end()
  return rows[0]?.fsync ?? ''
}

function call(...given: string[]): { status: number | null; stdout: string; stderr: string } {
  const environment = { ...process.env, STARLING_SERVICES_DIR: folder }
  return spawnSync(script, given, { env: environment, encoding: 'utf8', timeout: 100_000 })
}

function read(name: string, file: string): string {
  return readFileSync(join(folder, name, file), 'utf8').trim()
}

function pidOf(name: string): number {
  return Number(read(name, 'pid'))
}
