import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '#contracts/logger.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { createIngest } from '../../ingest/ingest.ts'
import { parseRequest } from '../../ingest/parse-request.ts'
import { openInThreadEngine } from '../../pipeline/in-thread-engine.ts'
import { createIdentities } from '../../profile/identities.ts'
import type { UpliftReport } from '../../report/report-schema.ts'
import { playShop } from '../../simulate/play-shop.ts'
import { createShop, type Shop } from '../../simulate/shop.ts'
import { type ShopTruth, shopTruth } from '../../simulate/shop-truth.ts'
import { segmentBatch } from './segment-batch.ts'
import {
  createShopLedger,
  installShop,
  readShopReport,
  shopGoalWindowMs,
  shopWorkspace,
} from './shop-installation.ts'

export interface PlayedShop {
  shop: Shop
  truth: ShopTruth
  report: UpliftReport
}

export interface SmallShop {
  seed: number
  customers: number
  days: number
  stepMs: number
  /** Share held out; the demo's own campaign says otherwise. */
  holdout: number
  endsAt: number
  logger: Logger
}

/** Plays one small shop through the whole engine, without HTTP, and forgets it. */
export async function playInProcess(options: SmallShop): Promise<PlayedShop> {
  const { seed, customers, days, endsAt, stepMs } = options
  const startsAt = endsAt - days * 86_400_000
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-shop-'))
  const clock = createSteppedClock(startsAt)
  const engine = await openInThreadEngine({
    dataDir,
    clock,
    seed,
    logger: options.logger,
    // A step's events are up to a step old when they are applied.
    settings: { triggerMaxAgeMs: stepMs },
  })
  try {
    await installShop(engine.parts, { holdout: options.holdout })
    const shop = createShop({ seed, customers, startsAt, days })
    const ingest = createIngest({ log: engine.parts.log, identities: createIdentities(engine.parts.store) })
    const ledger = createShopLedger(engine.parts, shop)
    await playShop({
      shop,
      clock,
      startsAt,
      endsAt,
      stepMs,
      world: {
        async deliver(events) {
          const request = parseRequest(
            Buffer.from(JSON.stringify(segmentBatch(events))),
            'batch',
            ingest.limits,
          )
          if (!('events' in request)) throw new Error(request.detail)
          const answer = await ingest.ingest(shopWorkspace, request, engine.parts.wallClock.now())
          if (answer.kind !== 'accepted' || answer.rejected.length > 0)
            throw new Error(JSON.stringify(answer))
        },
        settle: engine.drain,
        received: ledger.newlySent,
        async click() {},
      },
    })
    const truth = shopTruth(shop, await ledger.assignments(), shopGoalWindowMs)
    return { shop, truth, report: await readShopReport(engine.parts) }
  } finally {
    await engine.close()
    rmSync(dataDir, { recursive: true })
  }
}
