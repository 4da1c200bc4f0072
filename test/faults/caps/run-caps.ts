import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { type Client, createClient } from '../harness/client.ts'
import { type FastClock, fastEnvironment, fastInstant } from '../harness/fast-clock/create-fast-clock.ts'
import { lookAtDead, lookAtLiving, type Standing, withFiles } from '../harness/look-outside.ts'
import { type MailServer, startMailServer } from '../harness/mail-server.ts'
import {
  createServerProcess,
  environmentOf,
  freePort,
  type ServerProcess,
} from '../harness/server-process.ts'
import { countFull, countOverruns, countTooNear, type Received } from './count-caps.ts'
import { addressOf, type Deciders, identify, startDeciders, zoneOf } from './deciders.ts'
import { type CapsLedger, dueMessages, ledgerOfSqlite } from './ledger.ts'
import { campaigns, leastGapMinutes, windows, workspaceFile } from './rules.ts'

export interface CapsReport {
  /** Too many in a window by the receivers' own clocks, and by when the ledger says that each send began. */
  violations: number
  violations_by_ledger: number
  /** Sooner after another than the least gap. */
  too_near: number
  sends: number
  shown: number
  refusals: number
  deferrals: number
  outranked: number
  crashes: number
  crashes_inside: number
  unknown: number
  /** Received, and not in the ledger as begun. */
  unrecorded: number
  /** How often each window was just full. */
  full: number[]
  deciders: number
  customers: number
  windows: number
  /** The longest from the claim to the receipt, by the wall: so much slack the receivers' count has. */
  flight_ms_max: number
  seconds: number
}

export interface CapsOptions {
  seconds: number
  crashes: number
  seed: number
  customers: number
  deciders: number
  say: (line: string) => void
}

/** A day in 24 seconds. */
const factor = 3600
/** Worker and sender get on before more is asked of them: what waits behind them puts no cap to the test. */
const unprocessedMax = 500
const dueMax = 100
/** No mail may come for so long: the windows are full. */
const patienceMs = 40_000
const settleMsMax = 90_000
/** What a machine that is busy with other things has not done in the time it gets more time for. */
const mailsWanted = 3000
const moreMsMax = 120_000
const hook = fileURLToPath(new URL('../harness/fast-clock/hook.ts', import.meta.url))

interface World {
  client: Client
  server: ServerProcess
  mailServer: MailServer
  dataDir: string
}

/**
 * Deciders at full pressure, a sender with as much in flight as it may have, and crashes; then quiet, then the
 * count: of what a mail server in its own process received and what placements were answered with.
 */
export async function runCaps(options: CapsOptions): Promise<{ report: CapsReport; findings: string[] }> {
  const startedAt = Date.now()
  const clock: FastClock = { sinceMs: startedAt, factor }
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-caps-'))
  const mailServer = await startMailServer()
  const server = createServerProcess({
    env: {
      ...environmentOf({ dataDir, smtpPort: mailServer.port }),
      ...fastEnvironment(clock),
      // Triggers are as old as the fast clock is ahead.
      STARLING_TRIGGER_MAX_AGE_MS: String(1e12),
    },
    nodeArguments: ['--import', hook],
    port: await freePort(),
  })
  const client = createClient([server.url])
  const world: World = { client, server, mailServer, dataDir }
  try {
    await server.start()
    await launch(client)
    await identify(client, options.customers)
    const random = createSeededRandom(options.seed)
    const isBehind = () =>
      lookAtLiving(dataDir).unprocessed > unprocessedMax ||
      withFiles(dataDir, (store) => dueMessages(store, fastInstant(clock, Date.now()))) > dueMax
    const deciders = startDeciders(client, random, { ...options, isBehind })
    const crashesInside = await crash(world, options)
    await deciders.stop()
    mailServer.calm()
    const left = await settle(world, options.say)
    const exitCode = await server.stop()
    if (exitCode !== 0) throw new Error(`the server stopped with code ${exitCode}`)
    options.say(`settled: ${JSON.stringify(left)}; counting`)
    const ledger = withFiles(dataDir, ledgerOfSqlite)
    const counted = count(world, deciders, ledger, clock)
    return {
      findings: counted.findings,
      report: {
        ...counted.counts,
        crashes: options.crashes,
        crashes_inside: crashesInside,
        deciders: options.deciders,
        customers: options.customers,
        windows: windows.length,
        seconds: Math.round((Date.now() - startedAt) / 1000),
      },
    }
  } finally {
    client.giveUp()
    await server.stop()
    await mailServer.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function launch(client: Client): Promise<void> {
  await client.call('POST', '/api/v1/workspace-file', { yaml: workspaceFile(), actor: 'ann' })
  for (const id of [...campaigns.map((campaign) => campaign.id), 'banner']) {
    for (const action of ['submit', 'approve', 'launch'])
      await client.call('POST', `/api/v1/campaigns/${id}/${action}`, { actor: 'ann' })
  }
}

/**
 * Kills the server again and again while a mail is under way; returns after how many the files showed that. Each
 * stretch lasts from its first mail on, so that a busy machine, on which a start takes long, is tested as much.
 */
async function crash(
  { server, mailServer, dataDir }: World,
  { seconds, crashes, say }: CapsOptions,
): Promise<number> {
  const stretchMs = (seconds * 1000) / (crashes + 1)
  let inside = 0
  for (let i = 0; ; i++) {
    await Promise.race([mailServer.nextBegun(), wait(patienceMs)])
    await wait(stretchMs)
    if (i === crashes) break
    await Promise.race([mailServer.nextBegun(), wait(2000)])
    await server.kill()
    const standing = lookAtDead(dataDir)
    if (standing.sending > 0 || standing.unprocessed > 0) inside += 1
    await server.start()
    say(
      `crash ${i + 1} of ${crashes}: ${JSON.stringify(standing)}; ${mailServer.received.length} mails so far`,
    )
  }
  const until = Date.now() + moreMsMax
  while (mailServer.received.length < mailsWanted && Date.now() < until) await wait(500)
  return inside
}

/** Until the log is read, and no message waits or is under way; gives up after a bounded time. */
async function settle({ dataDir }: World, say: (line: string) => void): Promise<Standing> {
  const until = Date.now() + settleMsMax
  let standing = lookAtLiving(dataDir)
  while (standing.unprocessed + standing.sending + standing.queued > 0 && Date.now() < until) {
    say(`settling: ${JSON.stringify(standing)}`)
    await wait(1000)
    standing = lookAtLiving(dataDir)
  }
  return standing
}

function count({ mailServer }: World, deciders: Deciders, ledger: CapsLedger, clock: FastClock) {
  const customerOf = new Map(
    Array.from({ length: 100_000 }, (_, i) => [
      addressOf(`user-${i}`),
      { customer: `user-${i}`, zone: zoneOf(i) },
    ]),
  )
  const mails = mailServer.received.map((mail) => ({
    ...(customerOf.get(mail.to) as { customer: string; zone: string }),
    channel: 'email',
    at: fastInstant(clock, mail.at),
    id: mail.messageId,
  }))
  const shown = deciders.shown.map(({ userId, decisionId, at }) => ({
    ...(customerOf.get(addressOf(userId)) as { customer: string; zone: string }),
    channel: 'in-app',
    at: fastInstant(clock, at),
    id: decisionId,
  }))
  const begun = (one: { id: string; at: number }): number | undefined => ledger.begunAt.get(one.id)
  const flights = mails.map((mail) => mail.at - (begun(mail) ?? mail.at))
  const slackMs = Math.max(0, ...flights)
  const received: Received[] = [...mails, ...shown]
  const byLedger = [...mails, ...shown].map((one) => ({ ...one, at: begun(one) ?? one.at }))
  const overruns = windows.flatMap((window) => countOverruns(received, window, slackMs))
  const exact = windows.flatMap((window) => countOverruns(byLedger, window, 0))
  const near = countTooNear(
    byLedger.filter(({ channel }) => channel === 'email'),
    leastGapMinutes * 60_000,
  )
  const unrecorded = [...mails, ...shown].filter((one) => begun(one) === undefined)
  const findings = [
    ...overruns.slice(0, 10).map((line) => `over the cap: ${line}`),
    ...exact.slice(0, 10).map((line) => `over the cap by the ledger: ${line}`),
    ...storyOf(exact[0]?.split(' ')[0], byLedger),
    ...near.slice(0, 10).map((line) => `too near: ${line}`),
    ...unrecorded.slice(0, 10).map(({ id }) => `not in the ledger: ${id}`),
  ]
  return {
    findings,
    counts: {
      violations: overruns.length,
      violations_by_ledger: exact.length,
      too_near: near.length,
      sends: mails.length,
      shown: shown.length,
      refusals: ledger.refusals,
      deferrals: ledger.deferrals,
      outranked: ledger.outranked,
      unknown: ledger.unknown,
      unrecorded: unrecorded.length,
      full: windows.map((window) => countFull(byLedger, window, 0)),
      flight_ms_max: Math.round(slackMs / factor),
    },
  }
}

/** Everything that one customer got, for whoever looks for the cause. */
function storyOf(customer: string | undefined, byLedger: readonly (Received & { id: string })[]): string[] {
  const own = byLedger.filter((one) => one.customer === customer).sort((a, b) => a.at - b.at)
  return own.map(({ at, channel, id, zone }) => `${new Date(at).toISOString()} ${channel} ${id} (${zone})`)
}
