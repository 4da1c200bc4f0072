import { join } from 'node:path'
import { Command } from 'commander'
import { systemClock } from '#platform/clock/system-clock.ts'
import { ownFolder } from '#platform/folder-owner.ts'
import { readConfig } from '../../config.ts'
import type { Verification } from '../../pipeline/verify.ts'
import { act, type CliContext, dataDirOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { failed, type Outcome } from '../outcome.ts'
import { callServer, findServer } from '../server-call.ts'

export function verifyCommand(context: CliContext): Command {
  return new Command('verify')
    .description('count what is derived again from the primary rows, and name each difference')
    .option('--repair', 'mend what is derived: counts of profiles, segments')
    .addHelpText(
      'after',
      '\nAsks the running server; without one it opens the data folder itself.\n\nExample:\n  starling verify --repair',
    )
    .action(
      act(context, async ({ repair = false }: { repair?: boolean }, command: Command) => {
        const dataDir = dataDirOf(context, command)
        if (typeof dataDir !== 'string') return dataDir
        const server = findServer(context.environment, dataDir)
        if (server === null) return verifyFolder(context, dataDir, repair)
        if ('kind' in server) return server
        const answer = await callServer<Verification>(server, 'POST', '/verify', { json: { repair } })
        if (answer.kind === 'answer') return outcomeOf([answer.body])
        // A server that was killed leaves its address behind; one that lives holds the folder.
        const isGone = answer.exitCode === exitCodes.unreachable && answer.details === undefined
        return isGone && !context.environment.STARLING_URL ? verifyFolder(context, dataDir, repair) : answer
      }),
    )
}

/** Nobody serves: this process takes the folder for as long as it looks. */
async function verifyFolder(context: CliContext, dataDir: string, repair: boolean): Promise<Outcome> {
  const config = readConfig({ ...context.environment, STARLING_DATA_DIR: dataDir }, context.folder)
  if (config.kind === 'faults') return failed(exitCodes.config, config.faults.join('\n'))
  const { databaseUrl: url, eventsKeepDays } = config.config
  // Loaded here: a server that runs has them loaded already.
  const { openStore } = await import('#platform/store/open-store.ts')
  const { listWorkspaces } = await import('../../campaign/workspaces.ts')
  const { verify } = await import('../../pipeline/verify.ts')
  const owner = ownFolder(dataDir)
  if (owner.kind === 'taken') return failed(exitCodes.folderInUse, owner.message)
  try {
    const store = await openStore(url === undefined ? { file: join(dataDir, 'store.db') } : { url })
    try {
      const parts = { store, clock: systemClock, wallClock: systemClock, eventsKeepDays }
      const found: Verification[] = []
      for (const { workspace } of await listWorkspaces(store.read)) {
        found.push(await verify(parts, workspace, { repair }))
      }
      return outcomeOf(found)
    } finally {
      await store.close()
    }
  } finally {
    owner.release()
  }
}

function outcomeOf(found: Verification[]): Outcome {
  const left = found.reduce((sum, own) => sum + own.differencesCount - own.repairedCount, 0)
  const value = found.length === 1 ? found[0] : found
  return {
    kind: 'done',
    value,
    text: found.map(textOf).join('\n\n'),
    exitCode: left === 0 ? exitCodes.ok : exitCodes.data,
  }
}

function textOf({ workspace, checked, differences, differencesCount, repairedCount }: Verification): string {
  const counts = Object.entries(checked).map(([name, count]) => `${count} ${name}`)
  const lines = differences.map(
    ({ check, id, detail, repaired }) => `  ${check} ${id}: ${detail}${repaired ? ' (mended)' : ''}`,
  )
  const more = differencesCount - differences.length
  const left = differencesCount - repairedCount
  return [
    `${workspace}: looked at ${counts.join(', ')}`,
    ...lines,
    ...(more > 0 ? [`  … and ${more} more`] : []),
    differencesCount === 0
      ? 'No differences.'
      : `${differencesCount} differences, ${repairedCount} mended${left > 0 ? `, ${left} left` : ''}.`,
  ].join('\n')
}
