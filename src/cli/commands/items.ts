import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'
import { table } from '../table.ts'

interface ItemView {
  id: string
  name: string
  price?: number
  currency?: string
  stock?: number
  categories: string[]
}
interface FeedView {
  feedId: string
  url: string
  everyMinutes: number
  items: number
  takenAt: string | null
  result: string
  report: { detail: string; refused: { line: number; field: string; detail: string }[] }
}

export function itemsCommand(context: CliContext): Command {
  const items = new Command('items')
    .description('what the shop has: items of the catalogue, and the feeds that bring them')
    .addHelpText(
      'after',
      '\nExample:\n  starling items list\n  starling items feed shop https://shop.example/items.csv\nA file is imported by starling import items FILE.',
    )
  items
    .command('list', { isDefault: true })
    .description('the first items by their ids')
    .option('--after <id>', 'those behind this one')
    .action(
      act(context, async ({ after }: { after?: string }, own: Command) => {
        const cursor = after === undefined ? '' : `&cursor=${Buffer.from(after).toString('base64url')}`
        const answer = await ask<{ items: ItemView[]; nextCursor: string | null }>(
          context,
          own,
          'GET',
          `/items?limit=100${cursor}`,
        )
        return answer.kind === 'failed' ? answer : done(answer.body, listText(answer.body))
      }),
    )
  items
    .command('delete')
    .description('take an item out')
    .argument('<id>')
    .action(
      act(context, async (id: string, _options: object, own: Command) => {
        const answer = await ask(context, own, 'DELETE', `/items/${encodeURIComponent(id)}`)
        return answer.kind === 'failed' ? answer : done({ id }, `Item ${id} is gone.`)
      }),
    )
  for (const add of [addFeeds, addFeed, addFetch, addDrop]) add(items, context)
  return items
}

function addFeeds(items: Command, context: CliContext): void {
  items
    .command('feeds')
    .description('feeds, each with what came of its last fetch')
    .action(
      act(context, async (_: object, own: Command) => {
        const answer = await ask<{ items: FeedView[] }>(context, own, 'GET', '/item-feeds')
        return answer.kind === 'failed' ? answer : done(answer.body.items, feedsText(answer.body.items))
      }),
    )
}

function addFeed(items: Command, context: CliContext): void {
  items
    .command('feed')
    .description('fetch items from an address again and again, or change how; prints the secret of a new one')
    .argument('<feed>', 'its id')
    .argument('<url>', 'of a CSV that is signed as Standard Webhooks has it')
    .option('--every <minutes>', 'default 60')
    .option('--pause', 'fetch it no longer; its items stay')
    .action(
      act(
        context,
        async (feed: string, url: string, options: { every?: string; pause?: boolean }, own: Command) => {
          const json = {
            url,
            ...(options.every === undefined ? {} : { everyMinutes: Number(options.every) }),
            ...(options.pause === true ? { state: 'paused' } : {}),
          }
          const answer = await ask<{ secret: string | null }>(context, own, 'PUT', pathOf(feed), { json })
          if (answer.kind === 'failed') return answer
          const { secret } = answer.body
          const text = secret === null ? '' : `\nIts secret, shown this once: ${secret}`
          return done(answer.body, `Feed ${feed} is there.${text}`)
        },
      ),
    )
}

function addFetch(items: Command, context: CliContext): void {
  items
    .command('fetch')
    .description('fetch a feed now')
    .argument('<feed>')
    .action(
      act(context, async (feed: string, _options: object, own: Command) => {
        const answer = await ask(context, own, 'POST', `${pathOf(feed)}/fetch`)
        return answer.kind === 'failed'
          ? answer
          : done(answer.body, `Feed ${feed} is fetched: see starling items feeds.`)
      }),
    )
}

function addDrop(items: Command, context: CliContext): void {
  items
    .command('drop')
    .description('take a feed away, with its items')
    .argument('<feed>')
    .action(
      act(context, async (feed: string, _options: object, own: Command) => {
        const answer = await ask(context, own, 'DELETE', pathOf(feed))
        return answer.kind === 'failed' ? answer : done({ feed }, `Feed ${feed} is gone, with its items.`)
      }),
    )
}

function listText({ items, nextCursor }: { items: ItemView[]; nextCursor: string | null }): string {
  if (items.length === 0) return 'No items.'
  const rows = items.map(({ id, name, price, currency, stock, categories }) => [
    id,
    name,
    price === undefined ? '' : `${price} ${currency}`,
    stock === undefined ? '' : String(stock),
    categories.join(', '),
  ])
  const shown = table(['id', 'name', 'price', 'stock', 'categories'], rows)
  return nextCursor === null ? shown : `${shown}\nThere are more: --after ${items.at(-1)?.id}`
}

function feedsText(feeds: FeedView[]): string {
  if (feeds.length === 0) return 'No feeds.'
  const rows = feeds.map(({ feedId, items, takenAt, result, report }) => [
    feedId,
    String(items),
    takenAt ?? 'never',
    result,
    report.detail,
  ])
  const refused = feeds.flatMap(({ feedId, report }) =>
    report.refused.map(({ line, field, detail }) => `  ${feedId} line ${line}: ${field}: ${detail}`),
  )
  return [table(['feed', 'items', 'taken', 'last fetch', 'why'], rows), ...refused].join('\n')
}

function pathOf(feedId: string): string {
  return `/item-feeds/${encodeURIComponent(feedId)}`
}
