import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Presets, SingleBar } from 'cli-progress'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { assembleApi } from '../../api/assemble-api.ts'
import { readConfig } from '../../config.ts'
import type { EngineParts } from '../../pipeline/engine-parts.ts'
import { type InThreadEngine, openInThreadEngine } from '../../pipeline/in-thread-engine.ts'
import { reportTable } from '../../report/report-table.ts'
import { playShop } from '../../simulate/play-shop.ts'
import { createShop } from '../../simulate/shop.ts'
import { shopTruth } from '../../simulate/shop-truth.ts'
import { checkLedger } from './check-ledger.ts'
import { openHttpDoor } from './http-door.ts'
import { whatWasLearned } from './learned.ts'
import {
  createShopLedger,
  installShop,
  readShopReport,
  shopCampaignId,
  shopGoalWindowMs,
} from './shop-installation.ts'

const hour = 3_600_000
const days = 30
const customers = 5000
const keys = { writeKey: 'demo-write-key', adminKey: 'demo-admin-key' }
/** How much more often the best treatment must be chosen in the last five days than in the first. */
const learnedRatioMin = 1.5

/**
 * Thirty days of a shop, ending now, through the real door: the unmodified Segment client sends, the
 * engine decides and sends to the outbox, customers respond as planted. Resolves to the exit code.
 */
export async function runDemo({
  seed,
  keepServing,
}: {
  seed: number
  keepServing: boolean
}): Promise<number> {
  const endsAt = Math.floor(systemClock.now() / hour) * hour
  const startsAt = endsAt - days * 24 * hour
  const clock = createSteppedClock(startsAt)
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-demo-'))
  const logger = createLogger({}, { level: 'warn' })
  let url = ''
  const engine = await openInThreadEngine({
    dataDir,
    clock,
    seed,
    logger,
    openDoors: async (parts) => {
      url = await listen(parts, dataDir)
      parts.settings.publicUrl = url
    },
  })
  await installShop(engine.parts, keys)

  const shop = createShop({ seed, customers, startsAt, days })
  const ledger = createShopLedger(engine.parts, shop)
  const door = openHttpDoor({ url, writeKey: keys.writeKey })
  const bar = new SingleBar(
    { format: '30 days {bar} day {day}  {events} events  {eta_formatted} left' },
    Presets.shades_classic,
  )
  if (process.stderr.isTTY) bar.start(days * 24, 0, { day: 0, events: 0 })
  let sent = 0
  const startedMs = performance.now()
  const events = await playShop({
    shop,
    clock,
    startsAt,
    endsAt,
    stepMs: hour,
    world: {
      async deliver(own) {
        await door.deliver(own)
        sent += own.length
      },
      settle: engine.drain,
      received: ledger.newlySent,
      click: (messageId) => clickFirstLink(engine, messageId),
    },
    onStep(done, total) {
      if (process.stderr.isTTY) bar.update(done, { day: Math.ceil(done / 24), events: sent })
      else if (done % 120 === 0) console.error(`day ${done / 24} of ${total / 24}, ${sent} events`)
    },
  })
  bar.stop()
  await door.close()
  clock.follow(systemClock)

  const truth = shopTruth(shop, await ledger.assignments(), shopGoalWindowMs)
  const report = await readShopReport(engine.parts)
  const learned = await whatWasLearned(engine.parts.store, shop, startsAt, days)
  const check = await checkLedger(engine.parts.store)
  const seconds = (performance.now() - startedMs) / 1000
  console.log(reportTable(report))
  console.log(summary({ truth: truth.addedConversionRate, learned, check, events, seconds }))
  console.log(`outbox  ${url}/outbox\nreport  ${url}/reports/${shopCampaignId}\nAPI     ${url}/docs`)
  const isRight =
    learned.lastFiveDays >= learnedRatioMin * learned.firstFiveDays &&
    check.toHeldOut === 0 &&
    check.overCap === 0
  if (!keepServing || !isRight) return isRight ? 0 : 1
  console.log(`\nstill serving; write key ${keys.writeKey}, admin key ${keys.adminKey}. Ctrl-C ends it.`)
  void serveOn(engine)
  return 0
}

async function listen(parts: EngineParts, dataDir: string): Promise<string> {
  const result = readConfig(
    { STARLING_DATA_DIR: dataDir, STARLING_PORT: process.env.STARLING_PORT ?? '0' },
    dataDir,
  )
  if (result.kind === 'faults') throw new Error(result.faults.join('\n'))
  const { config } = result
  const api = await assembleApi(parts, { config, location: { file: join(dataDir, 'store.db') } })
  return api.listen({ host: config.host, port: config.port })
}

/** The first link of a mail in the outbox, as its reader clicks it. */
async function clickFirstLink(engine: InThreadEngine, messageId: string): Promise<void> {
  const row = await engine.parts.store.read
    .workspace('main')
    .selectFrom('outbox')
    .select('outbox.html')
    .where('outbox.message_id', '=', messageId)
    .executeTakeFirst()
  const link = /href="([^"]+\/c\/[^"]+)"/.exec(row?.html ?? '')?.[1]
  if (link === undefined) return
  const answer = await fetch(link, {
    redirect: 'manual',
    headers: { 'user-agent': 'Mozilla/5.0 (demo shopper)' },
  })
  await answer.body?.cancel()
}

/** After the end of the simulation the same parts go on with the real clock. */
async function serveOn(engine: InThreadEngine): Promise<never> {
  const idleMs = 250
  for (;;) {
    await engine.drain()
    await new Promise((resolve) => setTimeout(resolve, idleMs))
  }
}

function summary(of: {
  truth: number
  learned: Awaited<ReturnType<typeof whatWasLearned>>
  check: Awaited<ReturnType<typeof checkLedger>>
  events: number
  seconds: number
}): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  const ratio = of.learned.lastFiveDays / of.learned.firstFiveDays
  return [
    '',
    `planted truth   messages add ${(1000 * of.truth).toFixed(1)} conversions per 1,000 customers treated`,
    `learning        best treatment chosen: ${percent(of.learned.firstFiveDays)} in the first five days, ${percent(of.learned.lastFiveDays)} in the last five (${ratio.toFixed(2)} times)`,
    `                ${sparkline(of.learned.byDay)}  day 1 to ${of.learned.byDay.length}`,
    `ledger          ${of.check.sent} messages; to the held out: ${of.check.toHeldOut}; customers over a cap: ${of.check.overCap}`,
    `played          ${of.events} events in ${of.seconds.toFixed(0)} s`,
    '',
  ].join('\n')
}

function sparkline(shares: number[]): string {
  const bars = '▁▂▃▄▅▆▇█'
  const top = Math.max(...shares, 0.01)
  return shares.map((share) => bars[Math.min(7, Math.floor((share / top) * 8))]).join('')
}
