import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Presets, SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import { systemClock } from '#platform/clock/system-clock.ts'
import { ownFolder } from '#platform/folder-owner.ts'
import { readConfig } from '../../config.ts'
import type { Rehearsal, RehearsalProgress, RehearsalResult } from '../../pipeline/rehearsal/rehearse.ts'
import { act, type CliContext, dataDirOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { type Failure, failed, type Outcome } from '../outcome.ts'
import { rehearsalText } from '../rehearsal-text.ts'
import { callServer, findServer, type ServerAddress } from '../server-call.ts'

interface RehearseOptions {
  days: number
  workspace: string
  simulated?: boolean
  customers: number
  seed: number
}

export function rehearseCommand(context: CliContext): Command {
  return new Command('rehearse')
    .description('play recorded history again: as it was, or with something different')
    .argument('[what]', 'a workspace file with what is to be different, or a campaign that is to be live')
    .option('--days <days>', 'report the last so many days', whole, 30)
    .option('--simulated', 'over a planted shop instead of history')
    .option('--customers <number>', 'of the planted shop', whole, 1000)
    .option('--seed <number>', 'of the planted shop', whole, 1)
    .option('--workspace <id>', 'without a server: which one', 'main')
    .addHelpText(
      'after',
      '\nIn a store of its own, on a simulated clock: nothing is sent, nothing of yours is written. Without [what] the\ndecisions must come out as they were made, to the byte; 65 where one does not and history says nothing why.\nAsks the running server; without one it opens the data folder itself.\n\nExample:\n  starling rehearse --days 7\n  starling rehearse stricter-caps.yaml --days 30',
    )
    .action(
      act(context, async (what: string | undefined, options: RehearseOptions, command: Command) => {
        const asked = askedFor(context, what, options)
        const dataDir = dataDirOf(context, command)
        if (typeof dataDir !== 'string') return dataDir
        const server = findServer(context.environment, dataDir)
        const bar = openBar(context)
        try {
          if (server === null)
            return outcomeOf(await rehearseFolder(context, dataDir, options, asked, bar.show))
          if ('kind' in server) return server
          const told = await askServer(server, asked, bar.show)
          // A server that was killed leaves its address behind; one that lives holds the folder.
          const isGone =
            told.kind === 'failed' && told.exitCode === exitCodes.unreachable && told.details === undefined
          if (!isGone || context.environment.STARLING_URL) return outcomeOf(told)
          return outcomeOf(await rehearseFolder(context, dataDir, options, asked, bar.show))
        } finally {
          bar.stop()
        }
      }),
    )
}

interface Asked {
  days: number
  file?: string
  campaign?: string
  simulated?: { customers: number; seed: number }
}

/** What is there as a file is one. */
function askedFor(
  { folder }: CliContext,
  what: string | undefined,
  { days, simulated, customers, seed }: RehearseOptions,
): Asked {
  const file = what === undefined ? null : resolve(folder, what)
  return {
    days,
    ...(file !== null && existsSync(file) ? { file: readFileSync(file, 'utf8') } : {}),
    ...(what !== undefined && file !== null && !existsSync(file) ? { campaign: what } : {}),
    ...(simulated === true ? { simulated: { customers, seed } } : {}),
  }
}

type Show = (progress: RehearsalProgress) => void
type Job = { state: string; progress: RehearsalProgress; detail: string; result: Rehearsal | null }

const askEveryMs = 500

async function askServer(server: ServerAddress, json: Asked, show: Show): Promise<RehearsalResult | Failure> {
  const begun = await callServer<{ rehearsalId: string }>(server, 'POST', '/rehearsals', { json })
  if (begun.kind === 'failed') return begun
  for (;;) {
    const answer = await callServer<Job>(server, 'GET', `/rehearsals/${begun.body.rehearsalId}`)
    if (answer.kind === 'failed') return answer
    const { state, progress, detail, result } = answer.body
    show(progress)
    if (state === 'refused') return { kind: 'refused', detail }
    if (state === 'failed') return failed(exitCodes.internal, detail)
    if (result !== null) return { ...result, kind: 'rehearsal' }
    await wait(askEveryMs)
  }
}

/** Nobody serves: this process takes the folder for as long as it looks. */
async function rehearseFolder(
  context: CliContext,
  dataDir: string,
  { workspace }: RehearseOptions,
  { days, file, campaign, simulated }: Asked,
  onProgress: Show,
): Promise<RehearsalResult | Failure> {
  const config = readConfig({ ...context.environment, STARLING_DATA_DIR: dataDir }, context.folder)
  if (config.kind === 'faults') return failed(exitCodes.config, config.faults.join('\n'))
  const { databaseUrl: url, triggerMaxAgeMs, mailFrom } = config.config
  const storeFile = join(dataDir, 'store.db')
  if (url === undefined && !existsSync(storeFile))
    return failed(exitCodes.data, `there is no store in ${dataDir}`, 'Name its folder (--data-dir).')
  // Loaded here: with a server it is that one's work.
  const { openStore } = await import('#platform/store/open-store.ts')
  const { rehearse } = await import('../../pipeline/rehearsal/rehearse.ts')
  const { rehearseShop } = await import('../../pipeline/rehearsal/rehearse-shop.ts')
  const owner = ownFolder(dataDir)
  if (owner.kind === 'taken') return failed(exitCodes.folderInUse, owner.message)
  try {
    const store = await openStore(url === undefined ? { file: storeFile } : { url })
    try {
      const parts = { store, now: systemClock.now(), settings: { triggerMaxAgeMs, mailFrom }, onProgress }
      const request = {
        workspace,
        days,
        ...(file === undefined ? {} : { wish: { kind: 'file' as const, text: file } }),
        ...(campaign === undefined ? {} : { wish: { kind: 'campaign' as const, campaignId: campaign } }),
      }
      return simulated === undefined
        ? await rehearse(parts, request)
        : await rehearseShop(parts, { ...request, ...simulated })
    } finally {
      await store.close()
    }
  } finally {
    owner.release()
  }
}

function outcomeOf(result: RehearsalResult | Failure): Outcome {
  if (result.kind === 'failed') return result
  if (result.kind === 'refused') return failed(exitCodes.data, result.detail)
  const { exact } = result
  const isExact = exact === null || exact.different + exact.missing + exact.extra === 0
  return {
    kind: 'done',
    value: result,
    text: rehearsalText(result),
    exitCode: isExact ? exitCodes.ok : exitCodes.data,
  }
}

function openBar({ isTerminal }: CliContext): { show: Show; stop(): void } {
  if (!isTerminal) return { show() {}, stop() {} }
  const bar = new SingleBar(
    {
      format: '{stage} {bar} {percentage} %  {eta_formatted} left',
      stream: process.stderr,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
  bar.start(1, 0, { stage: 'reading' })
  return {
    show({ stage, done, total }) {
      bar.setTotal(total)
      bar.update(done, { stage })
    },
    stop: () => bar.stop(),
  }
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number')
  return value
}
