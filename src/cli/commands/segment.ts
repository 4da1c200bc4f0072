import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'
import { table } from '../table.ts'

interface Page {
  items: { customerId: string; email: string }[]
  next: string | null
}

const pageMax = 1000

export function segmentCommand(context: CliContext): Command {
  const segment = new Command('segment')
    .description('who is in a segment')
    .addHelpText(
      'after',
      '\nExample:\n  starling segment size lapsed\n  starling segment list lapsed --limit 20',
    )
  segment
    .command('size')
    .description('how many customers it has now')
    .argument('<segment>')
    .action(
      act(context, async (id: string, _: object, own: Command) => {
        const answer = await ask<{ customers: number }>(context, own, 'GET', `${pathOf(id)}/size`)
        if (answer.kind === 'failed') return answer
        const { customers } = answer.body
        return done(answer.body, `${customers === 1 ? 'One customer' : `${customers} customers`} in ${id}.`)
      }),
    )
  segment
    .command('list')
    .description('its customers, by their ids')
    .argument('<segment>')
    .option('--limit <number>', 'at most so many', '100')
    .action(
      act(context, async (id: string, { limit }: { limit: string }, own: Command) => {
        const items: Page['items'] = []
        let after = ''
        do {
          const asked = Math.min(pageMax, Number(limit) - items.length)
          const path = `${pathOf(id)}/customers?limit=${asked}&after=${encodeURIComponent(after)}`
          const answer = await ask<Page>(context, own, 'GET', path)
          if (answer.kind === 'failed') return answer
          items.push(...answer.body.items)
          after = answer.body.next ?? ''
        } while (after !== '' && items.length < Number(limit))
        return done({ items, more: after !== '' }, listText(items, after !== ''))
      }),
    )
  return segment
}

function listText(items: Page['items'], more: boolean): string {
  if (items.length === 0) return 'Nobody.'
  const rows = items.map(({ customerId, email }) => [customerId, email])
  return `${table(['customer', 'email'], rows)}${more ? '\nThere may be more: --limit.' : ''}`
}

function pathOf(id: string): string {
  return `/segments/${encodeURIComponent(id)}`
}
