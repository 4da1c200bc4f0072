import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed, type Outcome } from '../outcome.ts'

interface Preview {
  content: { subject: string; html: string; text: string; url: string } | null
  locale: string
  missing: string[]
  faults: string[]
}
interface PreviewOptions {
  customer: string
  offer?: string
  event?: string
  locale?: string
  html?: boolean
}

export function previewCommand(context: CliContext): Command {
  return new Command('preview')
    .description('a template as a customer would get it now')
    .argument('<template>', 'its id')
    .requiredOption('--customer <id>', 'user id or customer id')
    .option('--offer <id>', 'for offer.… and item.…')
    .option('--event <json>', 'what triggers: {"name":"Cart Left","properties":{"product_id":"7"}}')
    .option('--locale <tag>', 'as if the customer read this: pt-BR')
    .option('--html', 'print the html instead of the text')
    .addHelpText('after', '\nExample:\n  starling preview viewed-items --customer ada --locale de')
    .action(
      act(context, async (templateId: string, options: PreviewOptions, own: Command) => {
        const { customer, offer, locale } = options
        const event = eventOf(options.event)
        if (event === null) return failed(exitCodes.usage, '--event is no JSON object with a name')
        const json = {
          templateId,
          customer,
          ...(offer === undefined ? {} : { offerId: offer }),
          ...(locale === undefined ? {} : { locale }),
          ...(event === undefined ? {} : { event }),
        }
        const answer = await ask<Preview>(context, own, 'POST', '/templates/preview', { json })
        return answer.kind === 'failed' ? answer : shown(answer.body, options.html === true)
      }),
    )
}

/** Undefined where none is given, null where it cannot be read. */
function eventOf(text: string | undefined): object | undefined | null {
  if (text === undefined) return undefined
  try {
    const event: unknown = JSON.parse(text)
    return typeof event === 'object' && event !== null && 'name' in event ? event : null
  } catch {
    return null
  }
}

/** Who would not get it is told so: the exit code says it too. */
function shown(preview: Preview, asHtml: boolean): Outcome {
  const { content, locale, missing, faults } = preview
  const body = content === null ? '' : asHtml || content.text === '' ? content.html : content.text
  const lines = [
    ...(content === null ? [] : [`subject: ${content.subject}`]),
    `locale:  ${locale}`,
    ...(content === null || content.url === '' ? [] : [`url:     ${content.url}`]),
    ...(missing.length === 0 ? [] : [`missing: ${missing.join(', ')}: this customer would not get it`]),
    ...faults.map((fault) => `fault:   ${fault}`),
    ...(body === '' ? [] : ['', body]),
  ]
  const isFine = missing.length === 0 && faults.length === 0
  if (isFine) return done(preview, lines.join('\n'))
  return { kind: 'done', value: preview, text: lines.join('\n'), exitCode: exitCodes.data }
}
