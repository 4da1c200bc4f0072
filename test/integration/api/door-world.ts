import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSteppedClock, type SteppedClock } from '#platform/clock/stepped-clock.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { type ApiServer, assembleApi } from '../../../src/api/assemble-api.ts'
import { readConfig } from '../../../src/config.ts'
import type { EngineSettings } from '../../../src/pipeline/engine-parts.ts'
import { firstStart } from '../../../src/pipeline/first-start.ts'
import { type InThreadEngine, openInThreadEngine } from '../../../src/pipeline/in-thread-engine.ts'
import { storeLocation } from '../../support/test-store.ts'

export const writeKey = 'shop-id:write-secret'
export const adminKey = 'shop-id:admin-secret'
export const shopYaml = readFileSync(new URL('./shop.yaml', import.meta.url), 'utf8')

export interface Called<T = never> {
  status: number
  headers: Headers
  body: T
}

/** The real door on a real port, over an engine whose roles move when told to. */
export interface DoorWorld {
  url: string
  dataDir: string
  engine: InThreadEngine
  clock: SteppedClock
  /** Under /api/v1, with the admin key. */
  call<T = Record<string, never>>(method: string, path: string, body?: object | string): Promise<Called<T>>
  /** Any path, no key unless given. */
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Response>
  track(userId: string, event: string, properties?: object): Promise<void>
  identify(userId: string, traits: object): Promise<void>
  alias(previousId: string, userId: string): Promise<void>
  /** A second server over the same parts: it remembers nothing that the first one answered. */
  anotherDoor(): Promise<Pick<DoorWorld, 'url' | 'call' | 'close'>>
  close(): Promise<void>
}

export async function openDoorWorld(
  options: {
    host?: string
    publicUrl?: string
    providers?: object[]
    settings?: Partial<EngineSettings>
  } = {},
): Promise<DoorWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-doors-'))
  const clock = createSteppedClock(Date.now())
  const location = await storeLocation(dataDir)
  const engine = await openInThreadEngine({
    dataDir,
    clock,
    seed: 7,
    logger: createLogger({}, { level: 'error' }),
    ...(options.settings === undefined ? {} : { settings: options.settings }),
    ...(location.url === undefined ? {} : { storeUrl: location.url }),
  })
  await firstStart(engine.parts.store, {
    workspace: 'main',
    writeKey,
    adminKey,
    sendMode: 'outbox',
    zone: 'UTC',
    reportingCurrency: 'EUR',
    now: clock.now(),
  })
  const read = readConfig(
    {
      STARLING_DATA_DIR: dataDir,
      STARLING_PORT: '0',
      STARLING_HOST: options.host,
      STARLING_PUBLIC_URL: options.publicUrl,
      STARLING_PROVIDERS: options.providers === undefined ? undefined : JSON.stringify(options.providers),
    },
    dataDir,
  )
  if (read.kind === 'faults') throw new Error(read.faults.join('\n'))
  const api: ApiServer = await assembleApi(engine.parts, {
    config: read.config,
    location,
  })
  const url = (await api.listen({ host: read.config.host, port: 0 })).replace('0.0.0.0', '127.0.0.1')
  engine.parts.settings.publicUrl = url
  const calls =
    (base: string): DoorWorld['call'] =>
    (method, path, body) =>
      callAt(base, method, path, body)
  let messages = 0
  const send = async (event: object): Promise<void> => {
    clock.stepTo(clock.now() + 1)
    const body = JSON.stringify({ batch: [{ messageId: `m${++messages}`, ...event }], writeKey })
    const response = await fetch(`${url}/v1/batch`, { method: 'POST', body })
    if (response.status !== 200) throw new Error(await response.text())
    await engine.drain()
  }
  return {
    url,
    dataDir,
    engine,
    clock,
    call: calls(url),
    get: (path, headers = {}, method = 'GET') =>
      fetch(`${url}${path}`, { method, headers, redirect: 'manual' }),
    track: (userId, event, properties = {}) => send({ type: 'track', userId, event, properties }),
    alias: (previousId, userId) => send({ type: 'alias', previousId, userId }),
    identify: (userId, traits) => send({ type: 'identify', userId, traits }),
    async anotherDoor() {
      const other = await assembleApi(engine.parts, { config: read.config, location })
      const otherUrl = await other.listen({ host: '127.0.0.1', port: 0 })
      return { url: otherUrl, call: calls(otherUrl), close: () => other.close() }
    },
    async close() {
      await api.close()
      await engine.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function callAt<T>(
  url: string,
  method: string,
  path: string,
  body?: object | string,
): Promise<Called<T>> {
  const isText = typeof body === 'string'
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${adminKey}`,
      ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  })
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const answer = isJson ? await response.json() : await response.text()
  return { status: response.status, headers: response.headers, body: answer as never }
}

/** The shop's definitions, with its campaigns live. */
export async function installShop(world: DoorWorld): Promise<void> {
  const applied = await world.call('POST', '/workspace-file', { yaml: shopYaml })
  if (applied.status !== 200) throw new Error(JSON.stringify(applied.body))
  for (const campaign of ['cart', 'history']) {
    for (const action of ['approve', 'launch']) {
      const moved = await world.call('POST', `/campaigns/${campaign}/${action}`, { actor: 'ann' })
      if (moved.status !== 200) throw new Error(JSON.stringify(moved.body))
    }
  }
}
