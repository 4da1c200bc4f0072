import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SingleBar } from 'cli-progress'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { insertCodes, savePool } from '../../../src/action/coupons/coupon-rows.ts'
import { poolId, readAcknowledged, workspace } from './acknowledged.ts'
import { type CodeCounts, countCodes, type StoredCode } from './count-codes.ts'

const child = fileURLToPath(new URL('claimers-child.ts', import.meta.url))
const processes = 4
const claimersOfEach = 16
/** More codes than keys, so that what is left is counted too. */
const spareCodes = 1000
/** A process is killed after a time between these, counted from its first answer on. */
const livesMs = { least: 300, most: 7000 }
const killsMin = 12

export interface CouponFaultReport extends CodeCounts {
  baseline: string
  imported: number
  claimers: number
  kills: number
  seconds: number
}

/** Four processes of 16 claimers each over one store, killed again and again until every key has its code. */
export async function runCouponFaults({
  reservations,
  seed,
}: {
  reservations: number
  seed: number
}): Promise<{ report: CouponFaultReport; findings: string[] }> {
  const startedAt = Date.now()
  const folder = mkdtempSync(join(tmpdir(), 'starling-coupon-faults-'))
  const random = createSeededRandom(seed)
  const keysOfEach = Math.ceil(reservations / (processes * claimersOfEach))
  const keys = keysOfEach * processes * claimersOfEach
  const imported = keys + spareCodes
  const file = join(folder, 'store.db')
  const logs = Array.from({ length: processes }, (_, i) => join(folder, `process-${i}.log`))
  const bar = new SingleBar({ format: 'reserved {bar} {value} of {total}', stream: process.stderr })
  try {
    await fill(file, imported)
    bar.start(keys, 0)
    const watch = setInterval(() => bar.update(Math.min(keys, linesOf(logs, keys))), 1000)
    const kills = await Promise.all(
      logs.map((log, i) => runProcess({ file, log, index: i, keysOfEach, seed, random })),
    ).finally(() => clearInterval(watch))
    bar.stop()
    const told = logs.flatMap(readAcknowledged)
    const { counts, findings } = countCodes(told, readCodes(file), { imported, keys })
    const report: CouponFaultReport = {
      baseline: 'none: counts against promises',
      ...counts,
      imported,
      claimers: processes * claimersOfEach,
      kills: kills.reduce((a, b) => a + b, 0),
      seconds: Math.round((Date.now() - startedAt) / 1000),
    }
    const tooFew = report.kills < killsMin ? [`only ${report.kills} kills`] : []
    return { report, findings: [...findings, ...tooFew] }
  } finally {
    bar.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fill(file: string, imported: number): Promise<void> {
  const store = await openStore({ file })
  const day = 86_400_000
  const pool = { poolId, name: '', expiresAt: Date.now() + 30 * day, holdMs: day, redemptionsMax: 1 }
  const codes = Array.from({ length: imported }, (_, i) => `SPRING-${String(i).padStart(7, '0')}`)
  await store.transaction(async (tx) => {
    await savePool(tx.workspace(workspace), pool, Date.now())
    await insertCodes(tx.workspace(workspace), poolId, codes)
  })
  await store.close()
}

/** Starts it again until it ends by itself. Resolves to the number of kills. */
async function runProcess(own: {
  file: string
  log: string
  index: number
  keysOfEach: number
  seed: number
  random: Random
}): Promise<number> {
  const { file, log, index, keysOfEach, seed, random } = own
  for (let kills = 0; ; kills++) {
    const options = ['--store', file, '--log', log, '--process', String(index), '--claimers']
    const more = [String(claimersOfEach), '--keys', String(keysOfEach), '--seed', String(seed + 100 * kills)]
    const running = spawn(process.execPath, [child, ...options, ...more], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const ended = once(running, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    const lives = new AbortController()
    const livesFor = livesMs.least + random.next() * (livesMs.most - livesMs.least)
    void killAfterFirstAnswer(log, livesFor, lives.signal, () => running.kill('SIGKILL'))
    const [code, signal] = await ended
    lives.abort()
    if (code === 0) return kills
    if (signal !== 'SIGKILL') throw new Error(`claimers ended with ${code ?? signal}`)
  }
}

/** A process that is killed before it has done anything puts nothing to the test. */
async function killAfterFirstAnswer(
  log: string,
  afterMs: number,
  signal: AbortSignal,
  kill: () => void,
): Promise<void> {
  const before = sizeOf(log)
  try {
    // It writes one byte when it starts.
    while (sizeOf(log) <= before + 1) await wait(20, undefined, { signal })
    await wait(afterMs, undefined, { signal })
    kill()
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Without the engine's code. */
function readCodes(file: string): StoredCode[] {
  const database = new DatabaseSync(file)
  try {
    const rows = database.prepare('select code, state, holder from coupon_codes').all()
    return rows.map((row) => ({
      code: String(row.code),
      state: String(row.state),
      holder: String(row.holder),
    }))
  } finally {
    database.close()
  }
}

function sizeOf(log: string): number {
  return statSync(log, { throwIfNoEntry: false })?.size ?? 0
}

/** About: a line has some 44 bytes. */
function linesOf(logs: string[], keys: number): number {
  return Math.min(keys, Math.round(logs.reduce((bytes, log) => bytes + sizeOf(log), 0) / 44))
}
