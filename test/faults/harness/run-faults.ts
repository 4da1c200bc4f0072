import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { type Client, createClient } from './client.ts'
import { type Counts, countOutside } from './count-outside.ts'
import { lookAtDead, lookAtLiving, type Standing, withFiles } from './look-outside.ts'
import { type MailServer, startMailServer } from './mail-server.ts'
import { createServerProcess, environmentOf, freePort, type ServerProcess } from './server-process.ts'
import { rowsOfSqlite } from './store-rows.ts'
import { capMax, createTraffic, launchCampaigns } from './traffic.ts'
import { planTraffic } from './traffic-plan.ts'

export interface FaultReport extends Counts {
  kills: number
  optouts_by_api: number
  /** Kills after which the files showed a message `sending` or acknowledged records in no committed batch. */
  kills_inside: number
  events: number
  mails: number
  seconds: number
}

export interface FaultOptions {
  kills: number
  seed: number
  customers: number
  say: (line: string) => void
}

/** A deferred mail is tried again within 30 s. */
const settleMsMax = 100_000
/** How long the server may work off what the crash left before the next phase begins. */
const aheadMsMax = 3000
const queuedFew = 20

interface World {
  client: Client
  server: ServerProcess
  mailServer: MailServer
  dataDir: string
  random: Random
}

/** The whole story: traffic in phases, each with one kill inside, then quiet, then the count. */
export async function runFaults(options: FaultOptions): Promise<{ report: FaultReport; findings: string[] }> {
  const startedAt = Date.now()
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-faults-'))
  const random = createSeededRandom(options.seed)
  const phases = options.kills + 1
  const customers = planTraffic(random, { customers: options.customers, phases })
  const mailServer = await startMailServer()
  const server = createServerProcess({
    env: environmentOf({ dataDir, smtpPort: mailServer.port }),
    port: await freePort(),
  })
  const client = createClient([server.url])
  const world: World = { client, server, mailServer, dataDir, random }
  try {
    await server.start()
    await launchCampaigns(client)
    const traffic = createTraffic(world, customers)
    let killsInside = 0
    for (let phase = 0; phase < phases; phase++) {
      const delivery = traffic.run(phase, 0)
      // Handled below; the kill comes first.
      delivery.catch(() => {})
      if (phase < options.kills) {
        const { inside, line } = await killOnce(world, phase)
        if (inside) killsInside += 1
        options.say(`kill ${phase + 1} of ${options.kills}: ${line}`)
      }
      await delivery
      await traffic.saidNo()
      await getAhead(world)
    }
    mailServer.calm()
    const left = await settle(world, options.say)
    const exitCode = await server.stop()
    if (exitCode !== 0) throw new Error(`the server stopped with code ${exitCode}`)
    options.say(`settled: ${JSON.stringify(left)}; counting`)
    const evidence = {
      acknowledged: client.acknowledged,
      optOuts: client.optOuts,
      mails: mailServer.received,
      capMax,
    }
    const { counts, findings } = withFiles(dataDir, (store) => countOutside(rowsOfSqlite(store), evidence))
    const {
      lost,
      duplicated,
      over_cap,
      after_optout,
      out_of_order,
      unknown,
      cap_refusals,
      optouts,
      ...others
    } = counts
    const report: FaultReport = {
      ...{
        lost,
        duplicated,
        over_cap,
        after_optout,
        out_of_order,
        unknown,
        kills: options.kills,
        cap_refusals,
        optouts,
      },
      ...others,
      optouts_by_api: client.optOuts.filter(({ by }) => by === 'api').length,
      kills_inside: killsInside,
      events: new Set(client.acknowledged.map(({ messageId }) => messageId)).size,
      mails: mailServer.received.length,
      seconds: Math.round((Date.now() - startedAt) / 1000),
    }
    const unfitting = client.unfitting.map((answer) => `answered with a fault of its own: ${answer}`)
    return { report, findings: [...findings, ...unfitting] }
  } finally {
    client.giveUp()
    await server.stop()
    await mailServer.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

type KillMoment = 'sending' | 'acknowledged' | 'any' | 'starting'
const moments: KillMoment[] = [
  'sending',
  'acknowledged',
  'sending',
  'acknowledged',
  'any',
  'sending',
  'starting',
]
/** No moment of the kind came: the phase's traffic is over. */
const patienceMs = 3000

async function killOnce(world: World, phase: number): Promise<{ inside: boolean; line: string }> {
  const { server, random, dataDir } = world
  const moment = moments[phase % moments.length] as KillMoment
  if (moment === 'starting') {
    // The server is stopped first in the midst of traffic: what matters is that it is killed as it starts.
    await Promise.race([world.mailServer.nextBegun(), wait(patienceMs)])
    await server.kill()
    server.spawn()
    await wait(Math.round(random.next() * 1200))
  } else {
    await Promise.race([momentOf(world, moment), wait(patienceMs)])
  }
  await server.kill()
  const standing = lookAtDead(dataDir)
  await server.start()
  return { inside: isInside(standing), line: `${moment}, ${JSON.stringify(standing)}` }
}

async function momentOf({ mailServer, client, random }: World, moment: KillMoment): Promise<void> {
  if (moment === 'sending') await mailServer.nextBegun()
  if (moment === 'acknowledged') await client.nextAcknowledgement()
  if (moment === 'any') await wait(Math.round(random.next() * 600))
}

function isInside({ sending, unprocessed }: Standing): boolean {
  return sending > 0 || unprocessed > 0
}

/** Between two kills the server gets on with its work for a while: a state of nothing but crashes proves little. */
async function getAhead({ dataDir }: World): Promise<void> {
  const until = Date.now() + aheadMsMax
  while (Date.now() < until) {
    const { unprocessed, queued } = lookAtLiving(dataDir)
    if (unprocessed === 0 && queued < queuedFew) return
    await wait(100)
  }
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
