import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { systemClock } from '#platform/clock/system-clock.ts'
import { ownFolder } from '#platform/folder-owner.ts'
import type { MoveUpResult } from '../../pipeline/move-up.ts'
import { act, type CliContext, dataDirOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { failed, type Outcome } from '../outcome.ts'
import { table } from '../table.ts'

export function migrateStoreCommand(context: CliContext): Command {
  return new Command('migrate-store')
    .description('copy the embedded store into an empty PostgreSQL; the server must not run')
    .requiredOption('--to <url>', 'postgres://user:password@host:port/database')
    .addHelpText(
      'after',
      `
Every row of every table, in one transaction: rows, sums and contents are compared on both sides before it is
kept, and a copy that is interrupted leaves nothing. The data folder stays as it is.

Example:
  starling migrate-store --to postgres://starling:secret@db.example:5432/starling`,
    )
    .action(
      act(context, async ({ to }: { to: string }, command: Command) => {
        const dataDir = dataDirOf(context, command)
        if (typeof dataDir !== 'string') return dataDir
        const owner = ownFolder(dataDir)
        if (owner.kind === 'taken') return failed(exitCodes.folderInUse, owner.message)
        try {
          return outcomeOf(await move(context, dataDir, to))
        } finally {
          owner.release()
        }
      }),
    )
}

async function move(context: CliContext, dataDir: string, url: string): Promise<MoveUpResult> {
  // Loaded here: no other command needs both stores.
  const { moveUp } = await import('../../pipeline/move-up.ts')
  const bar = new SingleBar({
    format: 'copying and comparing {bar} {value} of {total} rows  {eta_formatted} left',
    stream: process.stderr,
  })
  let isShown = false
  try {
    return await moveUp({
      dataDir,
      url,
      now: systemClock.now,
      onProgress({ doneRows, totalRows }) {
        if (!context.isTerminal) return
        if (!isShown) bar.start(totalRows, 0)
        isShown = true
        bar.update(doneRows)
      },
    })
  } finally {
    if (isShown) bar.stop()
  }
}

function outcomeOf(result: MoveUpResult): Outcome {
  if (result.kind === 'refused')
    return failed(exitCodes.data, result.reason, 'Nothing was copied; the data folder is as it was.')
  const { tables, unapplied } = result
  const isEqual = result.kind === 'copied'
  const rows = tables.reduce((sum, { source }) => sum + source.rows, 0)
  const lines = tables.map(({ table: name, source, target, isEqual: same }) => [
    name,
    String(source.rows),
    String(target.rows),
    Object.values(source.sums).join() === Object.values(target.sums).join() ? 'equal' : 'DIFFER',
    source.digest === target.digest ? 'equal' : 'DIFFER',
    same ? '' : '<-',
  ])
  const last = isEqual
    ? `Copied ${rows} rows of ${tables.length} tables; both sides are equal.\n${nextSteps(unapplied)}`
    : 'The two sides differ: nothing was kept, and the data folder is as it was.'
  return {
    kind: 'done',
    value: { copied: isEqual, rows, unapplied, tables },
    text: `${table(['table', 'rows here', 'rows there', 'sums', 'contents', ''], lines)}\n\n${last}`,
    exitCode: isEqual ? exitCodes.ok : exitCodes.data,
  }
}

function nextSteps(unapplied: number): string {
  const withEmbedded =
    'Now set DATABASE_URL and start with this data folder: log.db goes on where the store stands.'
  return unapplied === 0
    ? `${withEmbedded}\nOr set STARLING_KAFKA_BROKERS too: everything in log.db has been applied.`
    : `${withEmbedded}\nIt holds ${unapplied} records that are not applied yet: Kafka can take over once \`starling status\` shows 0.`
}
