import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import { brokers, logOptions } from './kafka.ts'
import { createDatabase, type TestDatabase } from './postgres.ts'

/** What the server says when it cannot start: one line that says what to do, and an exit code that is not 0. */
describe('a server that cannot start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-refusals-'))
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(async () => {
    await database.drop()
    rmSync(folder, { recursive: true })
  })

  const changed = (change: (url: URL) => void): string => {
    const url = new URL(database.url)
    change(url)
    return url.href
  }

  const withUnusedPort = async (): Promise<string> => {
    const port = await unusedPort()
    return changed((url) => {
      url.port = String(port)
    })
  }

  it.for<[what: string, url: () => Promise<string> | string, says: RegExp]>([
    ['nobody listens', () => withUnusedPort(), /ECONNREFUSED|refused/],
    [
      'there is no such host',
      () =>
        changed((url) => {
          url.hostname = 'nowhere.invalid'
        }),
      /nowhere\.invalid/,
    ],
    [
      'there is no such database',
      () =>
        changed((url) => {
          url.pathname = '/not_there'
        }),
      /not_there/,
    ],
    [
      'there is no such role',
      () =>
        changed((url) => {
          url.username = 'nobody_here'
        }),
      /nobody_here/,
    ],
    ['it is no PostgreSQL URL', () => 'mysql://127.0.0.1/starling', /postgres:\/\//],
  ])('says that DATABASE_URL is wrong: %s', async ([, url, says]) => {
    const { code, lines } = await start({ DATABASE_URL: await url() })
    expect(code).not.toBe(0)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(says)
    expect(lines[0]).toContain('DATABASE_URL')
  })

  it('says that Kafka has no topic, and how to get it', async () => {
    const { code, lines } = await start({
      DATABASE_URL: database.url,
      STARLING_KAFKA_BROKERS: brokers.join(),
      STARLING_KAFKA_TOPIC_PREFIX: 'never-made',
    })
    expect(code).not.toBe(0)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('never-made.events')
    expect(lines[0]).toContain('STARLING_KAFKA_CREATE_TOPICS=true')
  })

  it('says that a topic has too few partitions', async () => {
    const options = logOptions({ partitions: 2 })
    await (await openKafkaLog(options)).close()
    const { code, lines } = await start({
      DATABASE_URL: database.url,
      STARLING_KAFKA_BROKERS: brokers.join(),
      STARLING_KAFKA_TOPIC_PREFIX: options.topicPrefix,
      STARLING_LOG_PARTITIONS: '4',
    })
    expect(code).not.toBe(0)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`${options.topicPrefix}.events has 2 partitions`)
    expect(lines[0]).toContain('STARLING_LOG_PARTITIONS=2')
  })

  it('says that no broker answers', async () => {
    const { code, lines } = await start({
      DATABASE_URL: database.url,
      STARLING_KAFKA_BROKERS: `127.0.0.1:${await unusedPort()}`,
    })
    expect(code).not.toBe(0)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('STARLING_KAFKA_BROKERS')
  })

  it('says who has the folder', async () => {
    const environment = { STARLING_DATA_DIR: join(folder, 'taken') }
    const first = run(environment)
    await first.says('Starling is ready')
    const { code, lines } = await start(environment)
    expect(code).toBe(73)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`process ${first.pid}`)
    expect(await first.stop()).toBe(0)
  })

  let runs = 0

  function run(environment: Record<string, string>) {
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
    runs += 1
    const child = spawn(process.execPath, [main], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        STARLING_DATA_DIR: join(folder, String(runs)),
        STARLING_PORT: '0',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const ended = once(child, 'close')
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    return {
      pid: child.pid,
      async says(text: string) {
        while (!output.includes(text))
          await Promise.race([
            once(child.stdout, 'data'),
            ended.then(() => Promise.reject(new Error(output))),
          ])
      },
      async stop() {
        child.kill('SIGTERM')
        const [code] = await ended
        return code as number
      },
      async end() {
        const [code] = await ended
        return { code: code as number, lines: output.split('\n').filter((line) => line !== '') }
      },
    }
  }

  function start(environment: Record<string, string>) {
    return run(environment).end()
  }
})

async function unusedPort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
