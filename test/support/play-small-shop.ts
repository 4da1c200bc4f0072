import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { unsubscribe } from '../../src/action/unsubscribe.ts'
import { segmentBatch } from '../../src/cli/demo/segment-batch.ts'
import { createShopLedger, installShop, shopWorkspace } from '../../src/cli/demo/shop-installation.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { parseRequest } from '../../src/ingest/parse-request.ts'
import type { EngineParts } from '../../src/pipeline/engine-parts.ts'
import { openInThreadEngine } from '../../src/pipeline/in-thread-engine.ts'
import { topicOf } from '../../src/pipeline/topic-of.ts'
import { setConsent } from '../../src/profile/consent-rows.ts'
import { createIdentities } from '../../src/profile/identities.ts'
import { playShop } from '../../src/simulate/play-shop.ts'
import { createShop } from '../../src/simulate/shop.ts'

export interface SmallShopPlay {
  seed: number
  customers: number
  days: number
  /** A PostgreSQL to play it on; a SQLite file where left out. */
  storeUrl?: string
}

const startsAt = Date.UTC(2026, 3, 6)
const stepMs = 6 * 3_600_000

/**
 * Plays a shop through the whole engine in this thread: anonymous visits that are merged when the customer
 * says who it is, cart triggers, messages, conversions, closing windows; the customer of the first message
 * opts out by its link. The same seed gives the same ids, instants and draws, whatever the store.
 */
export async function playSmallShop<T>(
  { seed, customers, days, storeUrl }: SmallShopPlay,
  look: (parts: EngineParts, played: { folder: string; optedOut: string[] }) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-shop-'))
  const clock = createSteppedClock(startsAt)
  const engine = await openInThreadEngine({
    dataDir: folder,
    clock,
    seed,
    logger: createLogger({}, { level: 'warn' }),
    settings: { triggerMaxAgeMs: stepMs },
    ...(storeUrl === undefined ? {} : { storeUrl }),
  })
  try {
    const { parts } = engine
    await installShop(parts)
    const shop = createShop({ seed, customers, startsAt, days })
    const ingest = createIngest({ log: parts.log, identities: createIdentities(parts.store) })
    const ledger = createShopLedger(parts, shop)
    const optedOut: string[] = []
    await playShop({
      shop,
      clock,
      startsAt,
      endsAt: startsAt + days * 86_400_000,
      stepMs,
      world: {
        async deliver(events) {
          const body = Buffer.from(JSON.stringify(segmentBatch(events)))
          const request = parseRequest(body, 'batch', ingest.limits)
          if (!('events' in request)) throw new Error(request.detail)
          const answer = await ingest.ingest(shopWorkspace, request, clock.now())
          if (answer.kind !== 'accepted' || answer.rejected.length > 0)
            throw new Error(JSON.stringify(answer))
        },
        settle: engine.drain,
        async received() {
          const sent = await ledger.newlySent()
          const first = sent[0]
          if (optedOut.length === 0 && first !== undefined) {
            const target = { workspace: shopWorkspace, messageId: first.messageId }
            const result = await unsubscribe(parts.store, target, { setConsent, topicOf }, clock.now())
            if (result.kind === 'unsubscribed') optedOut.push(result.customerId)
          }
          return sent
        },
        async click() {},
      },
    })
    return await look(parts, { folder, optedOut })
  } finally {
    await engine.close()
    await rm(folder, { recursive: true })
  }
}
