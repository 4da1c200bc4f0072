import { readFileSync } from 'node:fs'
import { loadRun } from '../../src/campaign/broadcast-rows.ts'
import { startBroadcast } from '../../src/pipeline/broadcast/start-broadcast.ts'
import { assembleWorker, runWorker } from '../../src/pipeline/roles/worker-role.ts'
import { openParts } from '../scale/open-parts.ts'
import { campaignId, workspace } from './scene.ts'

/**
 * A worker in a process of its own, as `starling serve --roles worker` runs it: starts the broadcast, unless it is
 * started, and ends when the last customer has been decided about. Tells how far it is, and at the end what it took.
 */
const folder = process.argv[2]!
const { parts, close } = await openParts(folder, 1)
const worker = await assembleWorker(parts)
const db = parts.store.read.workspace(workspace)
const startedAt = performance.now()
const cpuAtStart = process.cpuUsage()
if ((await loadRun(db, campaignId)) === null) {
  const started = await startBroadcast(parts, {
    workspace,
    actor: 'bench',
    campaignId,
    note: '',
    again: false,
  })
  if (started.kind === 'refused') throw new Error(started.fault.detail)
}
const stop = new AbortController()
/** At its highest, without the pages of the store's file that the system lends it. */
let ownMb = 0
/** The same when so much was done: the store's cache is full by then, and the heap has had its breath. */
let earlyMb = 0
const earlyShare = 0.4
let looking = Promise.resolve()
const look = async (): Promise<void> => {
  const run = await loadRun(db, campaignId)
  ownMb = Math.max(ownMb, readOwnMb())
  if (run !== null && run.looked < run.customers * earlyShare) earlyMb = ownMb
  process.send?.({ looked: run?.looked ?? 0 })
  if (run?.state === 'done') stop.abort()
}
const beat = (): void => {
  looking = looking.then(look)
}
await runWorker(parts, worker, { stop: stop.signal, beat })
await looking
const tookMs = performance.now() - startedAt
const { user, system } = process.cpuUsage(cpuAtStart)
const cpuMs = (user + system) / 1000
const peakMb = process.resourceUsage().maxRSS / 1024
await close()
process.send?.({ tookMs, cpuMs, peakMb, ownMb, earlyMb }, () => process.disconnect())

function readOwnMb(): number {
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(anonymous?.[1] ?? 0) / 1024
}
