import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import { vi } from 'vitest'
import { openRedisLink, type RedisLink } from '#platform/cache/redis-link.ts'

/** The server that all tests share: no test may empty or stop it. */
export const redisUrl = process.env.STARLING_TEST_REDIS_URL ?? missing()

export interface OwnRedis {
  url: string
  port: number
  /** For looking at it from outside. */
  client: Redis
  /** SIGSTOP, SIGCONT. */
  signal(name: NodeJS.Signals): void
  /** SIGKILL: it comes back empty, as nothing is on disk. */
  kill(): Promise<void>
  /** The same port again. */
  start(): Promise<void>
  dispose(): Promise<void>
}

/** A Redis of one test's own, which may be emptied, paused and killed; alone in its cluster if it is one. */
export async function startRedis(options: { isCluster?: boolean } = {}): Promise<OwnRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-redis-'))
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  if (options.isCluster) {
    args.push('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1')
    args.push('--cluster-port', String(await freePort()))
  }
  let server = await launch(args)
  const client = new Redis(port, '127.0.0.1')
  client.on('error', () => {})
  if (options.isCluster) await takeAllSlots(client)
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    signal: (name) => void server.kill(name),
    kill: stop,
    async start() {
      server = await launch(args)
    },
    async dispose() {
      client.disconnect()
      await stop()
      rmSync(folder, { recursive: true })
    },
  }
}

export interface LinkLines {
  link: RedisLink
  warnings: string[]
  notes: string[]
}

/** A link that a busy machine does not make late, and what it logs. */
export async function openLink(url: string, answerMaxMs = 5000, restMs = 1000): Promise<LinkLines> {
  const warnings: string[] = []
  const notes: string[] = []
  const logger = {
    warn: (message: string) => void warnings.push(message),
    info: (message: string) => void notes.push(message),
  }
  return { link: await openRedisLink({ url, logger, answerMaxMs, restMs }), warnings, notes }
}

async function takeAllSlots(client: Redis): Promise<void> {
  await client.cluster('ADDSLOTSRANGE', 0, 16_383)
  await vi.waitUntil(async () => (await client.cluster('INFO')).includes('cluster_state:ok'), {
    timeout: 10_000,
  })
}

async function launch(args: string[]): Promise<ChildProcess> {
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const failed = once(server, 'error').then(([error]) => {
    throw new Error(`redis-server does not start: ${String(error)}. Install it: apt-get install redis-server`)
  })
  await Promise.race([isReady(server), failed])
  return server
}

async function isReady(server: ChildProcess): Promise<void> {
  if (server.stdout === null) return
  const seen: string[] = []
  const lines = createInterface({ input: server.stdout })
  for await (const line of lines) {
    seen.push(line)
    if (line.includes('Ready to accept connections')) {
      server.stdout.resume()
      return
    }
  }
  throw new Error(`redis-server ended: ${seen.join('\n')}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Fails where a skipped test would pass for a good one. */
function missing(): never {
  throw new Error('STARLING_TEST_REDIS_URL is missing: redis://host:port of a Redis 7')
}
