import { Command, Option } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done, type Failure } from '../outcome.ts'
import { table } from '../table.ts'

interface Webhook {
  webhookId: string
  url: string
  events: string[]
  state: string
  reason: string
  failingSince: number | null
}
interface Delivery {
  deliveryId: string
  type: string
  state: string
  attempts: number
  status: number
  reason: string
  createdAt: number
}

export function webhooksCommand(context: CliContext): Command {
  const command = new Command('webhooks')
    .description('other systems that are told what becomes of messages')
    .addHelpText(
      'after',
      '\nExample:\n  starling webhooks add https://crm.example/hook --events message.bounced,message.complained\n  starling webhooks deliveries 4f0c1b2a9d8e7f60 --state failed',
    )
  command
    .command('list', { isDefault: true })
    .description('all of them, and whether they answer')
    .action(
      act(context, async (_: object, own: Command) => {
        const answer = await ask<{ items: Webhook[] }>(context, own, 'GET', '/webhooks')
        return answer.kind === 'failed' ? answer : done(answer.body.items, listText(answer.body.items))
      }),
    )
  command
    .command('add')
    .description('tell another system; prints the secret that signs, this once')
    .argument('<url>', 'where each event is POSTed')
    .option('--events <types>', 'separated by commas; default: all')
    .action(
      act(context, async (url: string, { events }: { events?: string }, own: Command) => {
        const body = { json: { url, ...(events === undefined ? {} : { events: events.split(',') }) } }
        const answer = await ask<{ webhook: Webhook; secret: string }>(
          context,
          own,
          'POST',
          '/webhooks',
          body,
        )
        if (answer.kind === 'failed') return answer
        const { webhook, secret } = answer.body
        return done(
          answer.body,
          `${webhook.webhookId} is told ${webhook.events.join(', ')}\nSecret: ${secret}`,
        )
      }),
    )
  command
    .command('rotate')
    .description('another secret; the old one signs beside it for a day')
    .argument('<webhook>')
    .action(
      act(context, async (id: string, _: object, own: Command) => {
        const path = `${pathOf(id)}/rotate`
        const answer = await ask<{ secret: string; oldUntil: number }>(context, own, 'POST', path)
        if (answer.kind === 'failed') return answer
        const until = timeOf(answer.body.oldUntil)
        return done(answer.body, `Secret: ${answer.body.secret}\nThe old one signs too until ${until}.`)
      }),
    )
  for (const [name, state, description] of [
    ['enable', 'active', 'let one that is disabled begin anew'],
    ['disable', 'disabled', 'tell it nothing until it is enabled'],
  ] as const) {
    command
      .command(name)
      .description(description)
      .argument('<webhook>')
      .action(
        act(context, async (id: string, _: object, own: Command) => {
          const answer = await ask<Webhook>(context, own, 'PATCH', pathOf(id), { json: { state } })
          return answer.kind === 'failed' ? answer : done(answer.body, `${id} is ${state}.`)
        }),
      )
  }
  command
    .command('remove')
    .description('tell it nothing more, and forget what it has not been told')
    .argument('<webhook>')
    .action(
      act(context, async (id: string, _: object, own: Command) => {
        const answer = await ask<object>(context, own, 'DELETE', pathOf(id))
        return answer.kind === 'failed' ? answer : done(answer.body, `${id} is removed.`)
      }),
    )
  command
    .command('deliveries')
    .description('what it was told or is to be told, newest first')
    .argument('<webhook>')
    .addOption(new Option('--state <state>').choices(['waiting', 'delivered', 'failed']))
    .option('--limit <count>', 'at most so many', '50')
    .action(
      act(
        context,
        async (id: string, options: { state?: string; limit: string }, own: Command): Promise<Listed> => {
          const query = new URLSearchParams({
            limit: options.limit,
            ...(options.state && { state: options.state }),
          })
          const path = `${pathOf(id)}/deliveries?${query}`
          const answer = await ask<{ items: Delivery[] }>(context, own, 'GET', path)
          return answer.kind === 'failed' ? answer : done(answer.body, deliveriesText(answer.body.items))
        },
      ),
    )
  command
    .command('replay')
    .description('send one again, or all that failed')
    .argument('<webhook>')
    .argument('[delivery]')
    .action(
      act(context, async (id: string, delivery: string | undefined, _: object, own: Command) => {
        const which = delivery === undefined ? '' : `/deliveries/${encodeURIComponent(delivery)}`
        const answer = await ask<{ replayed: number }>(context, own, 'POST', `${pathOf(id)}${which}/replay`)
        return answer.kind === 'failed' ? answer : done(answer.body, `${answer.body.replayed} sent again.`)
      }),
    )
  return command
}

type Listed = Failure | ReturnType<typeof done>

function pathOf(webhookId: string): string {
  return `/webhooks/${encodeURIComponent(webhookId)}`
}

function listText(webhooks: Webhook[]): string {
  if (webhooks.length === 0) return 'No other system is told.'
  return table(
    ['webhook', 'state', 'url', 'events'],
    webhooks.map(({ webhookId, state, reason, failingSince, url, events }) => [
      webhookId,
      state === 'active'
        ? failingSince === null
          ? state
          : `failing since ${timeOf(failingSince)}`
        : `${state}: ${reason}`,
      url,
      events.join(' '),
    ]),
  )
}

function deliveriesText(deliveries: Delivery[]): string {
  if (deliveries.length === 0) return 'Nothing.'
  return table(
    ['delivery', 'event', 'state', 'attempts', 'answer', 'since'],
    deliveries.map(({ deliveryId, type, state, attempts, status, reason, createdAt }) => [
      deliveryId,
      type,
      state,
      String(attempts),
      status === 0 ? reason : String(status),
      timeOf(createdAt),
    ]),
  )
}

function timeOf(instant: number): string {
  return new Date(instant).toISOString().slice(0, 16).replace('T', ' ')
}
