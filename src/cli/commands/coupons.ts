import { Command } from 'commander'
import { act, ask, type CliContext, serverOf } from '../context.ts'
import { importCsv } from '../import-csv.ts'
import { done } from '../outcome.ts'
import { table } from '../table.ts'

interface Pool {
  poolId: string
  expiresAt: string
  codes: { available: number; reserved: number; given: number; redeemed: number; expired: number }
}
interface PoolOptions {
  name?: string
  expires: string
  holdHours?: string
  redemptions?: string
}

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
        const codes = { what: 'codes', path: `${pathOf(pool)}/codes`, file }
        return 'kind' in server ? server : importCsv(context, server, codes)
      }),
    )
  return coupons
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
