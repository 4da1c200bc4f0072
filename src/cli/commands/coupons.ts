import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { act, ask, type CliContext, serverOf } from '../context.ts'
import { csvChunks } from '../csv-chunks.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed, type Outcome } from '../outcome.ts'
import { callServer, type ServerAddress } from '../server-call.ts'
import { table } from '../table.ts'

interface Pool {
  poolId: string
  expiresAt: string
  codes: { available: number; reserved: number; given: number; redeemed: number; expired: number }
}
interface Imported {
  imported: number
  duplicates: number
  refused: { line: number; field: string; detail: string }[]
}
interface PoolOptions {
  name?: string
  expires: string
  holdHours?: string
  redemptions?: string
}

const rowsPerRequest = 5000
const refusedShown = 20

export function couponsCommand(context: CliContext): Command {
  const coupons = new Command('coupons')
    .description('pools of single-use codes')
    .addHelpText(
      'after',
      '\nExample:\n  starling coupons pool spring --expires 2027-06-01T00:00:00Z\n  starling coupons import codes.csv --pool spring',
    )
  coupons
    .command('list', { isDefault: true })
    .description('all pools, and what has become of their codes')
    .action(
      act(context, async (_: object, own: Command) => {
        const answer = await ask<{ items: Pool[] }>(context, own, 'GET', '/coupon-pools')
        return answer.kind === 'failed' ? answer : done(answer.body.items, listText(answer.body.items))
      }),
    )
  coupons
    .command('pool')
    .description('make a pool, or change what it says')
    .argument('<pool>', 'its id: offers name it as couponPool')
    .requiredOption('--expires <instant>', 'ISO 8601, with its zone')
    .option('--name <name>')
    .option('--hold-hours <hours>', 'how long a reservation holds; default 24')
    .option('--redemptions <number>', 'most that one customer may redeem; default any number')
    .addHelpText('after', '\nExample:\n  starling coupons pool spring --expires 2027-06-01T00:00:00Z')
    .action(
      act(context, async (poolId: string, options: PoolOptions, own: Command) => {
        const { name, expires: expiresAt, holdHours, redemptions } = options
        const json = {
          expiresAt,
          ...(name === undefined ? {} : { name }),
          ...(holdHours === undefined ? {} : { holdHours: Number(holdHours) }),
          ...(redemptions === undefined ? {} : { redemptionsMax: Number(redemptions) }),
        }
        const answer = await ask(context, own, 'PUT', pathOf(poolId), { json })
        return answer.kind === 'failed' ? answer : done(answer.body, `Pool ${poolId} is there.`)
      }),
    )
  coupons
    .command('import')
    .description('add codes to a pool; what is in already is counted and stays as it is')
    .argument('<file>', 'CSV with a column code')
    .requiredOption('--pool <pool>')
    .addHelpText('after', '\nExample:\n  starling coupons import codes.csv --pool spring')
    .action(
      act(context, async (file: string, { pool }: { pool: string }, own: Command) => {
        const server = serverOf(context, own)
        return 'kind' in server ? server : importCodes(context, server, pool, file)
      }),
    )
  return coupons
}

/** Request by request, never the whole file in memory. */
async function importCodes(
  context: CliContext,
  server: ServerAddress,
  pool: string,
  file: string,
): Promise<Outcome> {
  const size = await stat(file).then(
    (found) => found.size,
    () => null,
  )
  if (size === null) return failed(exitCodes.data, `cannot read ${file}`, 'Check the name.')
  const total: Imported = { imported: 0, duplicates: 0, refused: [] }
  const bar = new SingleBar({ format: 'codes {bar} {percentage} %', stream: process.stderr })
  if (context.isTerminal) bar.start(size, 0)
  try {
    for await (const chunk of csvChunks(createReadStream(file), rowsPerRequest)) {
      if ('fault' in chunk) return failed(exitCodes.data, `${file}: ${chunk.fault}`)
      const answer = await callServer<Imported>(server, 'POST', `${pathOf(pool)}/codes`, { csv: chunk.csv })
      if (answer.kind === 'failed') return answer
      total.imported += answer.body.imported
      total.duplicates += answer.body.duplicates
      for (const refused of answer.body.refused) {
        const line = chunk.lines[chunk.bodyLines.indexOf(refused.line)] ?? refused.line
        total.refused.push({ ...refused, line })
      }
      bar.update(Math.min(size, chunk.bytesRead))
    }
  } finally {
    bar.stop()
  }
  return summary(total)
}

function summary(total: Imported): Outcome {
  const { imported, duplicates, refused } = total
  const twice = duplicates === 0 ? '' : `, ${duplicates} were in already`
  const text = `${imported} codes imported${twice}.`
  if (refused.length === 0) return done(total, text)
  const shown = refused.slice(0, refusedShown).map(({ line, detail }) => `  line ${line}: ${detail}`)
  const lines = [text, `${refused.length} lines refused:`, ...shown]
  return { kind: 'done', value: total, text: lines.join('\n'), exitCode: exitCodes.data }
}

function listText(pools: Pool[]): string {
  if (pools.length === 0) return 'No pools.'
  return table(
    ['pool', 'expires', 'available', 'reserved', 'given', 'redeemed', 'expired'],
    pools.map(({ poolId, expiresAt, codes }) => [
      poolId,
      expiresAt,
      ...[codes.available, codes.reserved, codes.given, codes.redeemed, codes.expired].map(String),
    ]),
  )
}

function pathOf(poolId: string): string {
  return `/coupon-pools/${encodeURIComponent(poolId)}`
}
