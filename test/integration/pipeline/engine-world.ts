import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CapCache } from '#contracts/cap-cache.ts'
import type { LogAppend } from '#contracts/event-log.ts'
import { createSteppedClock, type SteppedClock } from '#platform/clock/stepped-clock.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import type { RowOf, Store, WorkspaceTable } from '#platform/store/store.ts'
import { parseWorkspaceFile } from '../../../src/campaign/workspace-file.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'
import { parseRequest } from '../../../src/ingest/parse-request.ts'
import { applyWorkspaceFile, moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import type { EngineParts, EngineSettings } from '../../../src/pipeline/engine-parts.ts'
import { firstStart } from '../../../src/pipeline/first-start.ts'
import { type InThreadEngine, openInThreadEngine } from '../../../src/pipeline/in-thread-engine.ts'
import { type Difference, verify } from '../../../src/pipeline/verify.ts'
import { createIdentities } from '../../../src/profile/identities.ts'
import { storeLocation } from '../../support/test-store.ts'

export const workspace = 'main'
export const minute = 60_000
export const hour = 3_600_000
export const day = 86_400_000
/** A Tuesday, noon in UTC. */
export const start = Date.UTC(2026, 5, 2, 12)

export interface EngineWorld {
  engine: InThreadEngine
  clock: SteppedClock
  errors: string[]
  /** Through validation, identity and the log, as a request of a client; received at the clock's instant. */
  take(...events: object[]): Promise<void>
  append(records: LogAppend[]): Promise<void>
  /** The worker alone, until the log is empty. */
  decide(): Promise<void>
  /** The sender alone, until nothing is due. */
  send(): Promise<void>
  rows<T extends WorkspaceTable>(table: T): Promise<RowOf<T>[]>
  /** A message's state and reason by its customer's user id, in the order of their decisions. */
  messagesOf(userId: string): Promise<{ state: string; reason: string; dueAt: number }[]>
  /** Outcomes of the customer's decisions, in their order. */
  decisionsOf(userId: string): Promise<string[]>
  apply(yaml: string): Promise<void>
  /** Closes the engine and leaves the folder. */
  leave(): Promise<void>
  /** Closes the engine and removes the folder. */
  close(): Promise<void>
}

const actor = { workspace, actor: 'ann' }

/** The engine on a folder of its own, with the file, if any, applied and its campaigns live. */
export function openEngineWorld(
  yaml: string | null,
  settings: Partial<EngineSettings> = {},
): Promise<EngineWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-engine-'))
  return openEngineOn(folder, { ...(yaml === null ? {} : { yaml }), settings })
}

/** The engine on this folder, as it may have been left. `wrapStore`: what its roles get instead of the store. */
export async function openEngineOn(
  dataDir: string,
  {
    yaml,
    settings = {},
    wrapStore,
    capCache,
  }: {
    yaml?: string
    settings?: Partial<EngineSettings>
    wrapStore?: (store: Store) => Store
    capCache?: CapCache
  } = {},
): Promise<EngineWorld> {
  const clock = createSteppedClock(start)
  const errors: string[] = []
  const logger = {
    error: (message: string, fields?: object) => errors.push(`${message} ${JSON.stringify(fields)}`),
    warn() {},
    info() {},
    debug() {},
  }
  const openDoors = async (parts: EngineParts): Promise<void> => {
    if (wrapStore !== undefined) parts.store = wrapStore(parts.store)
    if (capCache !== undefined) parts.capCache = capCache
  }
  const { url: storeUrl } = await storeLocation(dataDir)
  const engine = await openInThreadEngine({
    dataDir,
    clock,
    seed: 11,
    logger,
    settings,
    openDoors,
    ...(storeUrl === undefined ? {} : { storeUrl }),
  })
  const { store, log } = engine.parts
  await firstStart(store, {
    workspace,
    sendMode: 'outbox',
    zone: 'UTC',
    reportingCurrency: 'EUR',
    now: clock.now(),
  })
  const ingest = createIngest({ log, identities: createIdentities(store) })
  const { worker, sender } = engine.roles
  const apply = async (text: string): Promise<void> => {
    const parsed = parseWorkspaceFile(text)
    if (!('file' in parsed)) throw new Error(JSON.stringify(parsed.faults))
    const plan = await applyWorkspaceFile({ store, clock }, { ...actor, file: parsed.file, dryRun: false })
    if (plan.faults.length > 0) throw new Error(JSON.stringify(plan.faults))
    for (const { id } of parsed.file.campaigns) {
      for (const action of ['submit', 'approve', 'launch'] as const) {
        const moved = await moveCampaign({ store, clock }, { ...actor, campaignId: id, action, note: '' })
        if (moved.kind === 'refused') throw new Error(moved.fault.detail)
      }
    }
  }
  if (yaml !== undefined) await apply(yaml)
  const rows = async <T extends WorkspaceTable>(table: T): Promise<RowOf<T>[]> =>
    (await store.read.workspace(workspace).selectFrom(table).selectAll().execute()) as RowOf<T>[]
  const append = async (records: LogAppend[]): Promise<void> => {
    const result = await log.append(records)
    if (result.kind !== 'appended') throw new Error(result.kind)
  }
  return {
    engine,
    clock,
    errors,
    apply,
    rows,
    append,
    async take(...events) {
      const body = Buffer.from(JSON.stringify({ batch: events }))
      const request = parseRequest(body, 'batch', ingest.limits)
      if (!('events' in request)) throw new Error(request.detail)
      const answer = await ingest.ingest(workspace, request, clock.now())
      if (answer.kind !== 'accepted' || answer.rejected.length > 0) throw new Error(JSON.stringify(answer))
    },
    async decide() {
      while ((await worker.lag()) > 0) await worker.step(0)
    },
    async send() {
      do await sender.drain()
      while ((await sender.step()) > 0)
      await sender.drain()
    },
    async messagesOf(userId) {
      const own = (await rows('messages')).filter((row) => row.customer_id === customer(userId))
      own.sort((a, b) => a.created_at - b.created_at)
      return own.map(({ state, reason, due_at }) => ({ state, reason, dueAt: due_at }))
    },
    async decisionsOf(userId) {
      const own = (await rows('decisions')).filter((row) => row.customer_id === customer(userId))
      own.sort((a, b) => a.decided_at - b.decided_at)
      return own.map((row) => row.outcome)
    },
    leave: () => engine.close(),
    async close() {
      await engine.close()
      rmSync(dataDir, { recursive: true })
    },
  }
}

/** What `starling verify` finds. */
export async function differencesIn(
  { engine, clock }: Pick<EngineWorld, 'engine' | 'clock'>,
  repair = false,
): Promise<Difference[]> {
  const parts = { store: engine.parts.store, clock, wallClock: clock, eventsKeepDays: 400 }
  return (await verify(parts, workspace, { repair })).differences
}

export function customer(userId: string): string {
  return customerIdOf(workspace, 'user', userId)
}

/** Introduces somebody with an address. */
export function identify(userId: string, traits: object = {}, more: object = {}): object {
  const messageId = `identify-${userId}`
  return {
    type: 'identify',
    messageId,
    userId,
    traits: { email: `${userId}@example.com`, ...traits },
    ...more,
  }
}

export function track(userId: string, event: string, messageId: string, more: object = {}): object {
  return { type: 'track', messageId, userId, event, properties: {}, ...more }
}

/** An experiment without chance: both arms have the same treatment. */
export const evenSplit = `
experiments:
  - id: even
    arms:
      - { id: a, share: 0.5, control: true, treatment: tea/email }
      - { id: b, share: 0.5, treatment: tea/email }
`

/**
 * One mail at each "Signed Up", without chance: both arms have the same treatment. `top` goes in at the
 * file's top, `campaign` into the campaign.
 */
export function welcomeFile({
  top = '',
  campaign = '',
  holdout = 0,
}: {
  top?: string
  campaign?: string
  holdout?: number
} = {}): string {
  return `${evenSplit}
goals: [{ id: order, event: Order Completed, value: { property: revenue }, windowHours: 48 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Tea? {{links.unsubscribe}}" }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    holdout: ${holdout}
    policy: { kind: fixed-split, experiment: even }
    treatments: [{ offer: tea, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
${indented(campaign, 4)}
${top}
`
}

function indented(text: string, spaces: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(spaces))
}
