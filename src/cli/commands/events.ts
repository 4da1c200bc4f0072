import { Command, Option } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done, type Failure } from '../outcome.ts'
import { table } from '../table.ts'

interface CataloguedEvent {
  kind: string
  name: string
  count: number
  firstSeenAt: number
  lastSeenAt: number
  properties: { name: string; types: { type: string; example: string | null }[] }[]
}
type OneEvent = CataloguedEvent & { days: { day: string; count: number }[] }

export function eventsCommand(context: CliContext): Command {
  return new Command('events')
    .description('what your apps send: names, properties, counts')
    .argument('[name]', 'one event, with its properties and its counts by day')
    .addOption(
      new Option('--kind <kind>', 'of the list all kinds, of one event track, unless given').choices([
        'track',
        'identify',
        'page',
        'screen',
        'group',
        'alias',
      ]),
    )
    .addHelpText('after', '\nExample:\n  starling events "Order Completed"')
    .action(
      act(context, async (name: string | undefined, { kind }: { kind?: string }, command: Command) => {
        if (name !== undefined) {
          const path = `/events/catalogue/${kind ?? 'track'}?name=${encodeURIComponent(name)}`
          const answer = await ask<OneEvent>(context, command, 'GET', path)
          return answer.kind === 'failed' ? answer : done(answer.body, oneText(answer.body))
        }
        const events = await listAll(context, command, kind)
        return 'kind' in events ? events : done(events, listText(events))
      }),
    )
}

async function listAll(
  context: CliContext,
  command: Command,
  kind: string | undefined,
): Promise<CataloguedEvent[] | Failure> {
  const events: CataloguedEvent[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: '200', ...(kind && { kind }), ...(cursor && { cursor }) })
    const answer = await ask<{ items: CataloguedEvent[]; nextCursor: string | null }>(
      context,
      command,
      'GET',
      `/events/catalogue?${query}`,
    )
    if (answer.kind === 'failed') return answer
    events.push(...answer.body.items)
    cursor = answer.body.nextCursor
  } while (cursor !== null)
  return events
}

function listText(events: CataloguedEvent[]): string {
  if (events.length === 0) return 'No event has come yet.'
  return table(
    ['kind', 'name', 'count', 'last seen', 'properties'],
    events.map((event) => [
      event.kind,
      plain(event.name),
      String(event.count),
      timeOf(event.lastSeenAt),
      shortened(event.properties.map(({ name }) => plain(name)).join(', ')),
    ]),
  )
}

function oneText(event: OneEvent): string {
  const properties = event.properties.flatMap(({ name, types }) =>
    types.map(({ type, example }) => [plain(name), type, plain(example ?? '')]),
  )
  const days = event.days.slice(-daysShown)
  return [
    `${event.kind} ${plain(event.name)}`.trim(),
    `${event.count} events, first ${timeOf(event.firstSeenAt)}, last ${timeOf(event.lastSeenAt)}`,
    '',
    properties.length === 0 ? 'no properties' : table(['property', 'type', 'example'], properties),
    '',
    table(
      ['day', 'count'],
      days.map(({ day, count }) => [day, String(count)]),
    ),
  ].join('\n')
}

const daysShown = 14
const propertyCharsShown = 60

function shortened(text: string): string {
  return text.length <= propertyCharsShown ? text : `${text.slice(0, propertyCharsShown - 1)}…`
}

/** Names are the apps' own words: nothing in them may speak to the terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '·')
}

function timeOf(instant: number): string {
  return new Date(instant).toISOString().slice(0, 16).replace('T', ' ')
}
