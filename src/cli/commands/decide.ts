import { Command } from 'commander'
import type { PlacementAnswer, RankedTreatment } from '../../pipeline/placement/placement-request.ts'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, type Failure, failed } from '../outcome.ts'
import { table } from '../table.ts'

interface Options {
  placement: string
  customer?: string
  user?: string
  anonymous?: string
  traits?: string
  context?: string
  count: string
  key?: string
  reasons?: boolean
}

export function decideCommand(context: CliContext): Command {
  return new Command('decide')
    .description('decide what to show or say at a placement, now')
    .requiredOption('--placement <id>', 'as campaigns name it in trigger.placement')
    .option('--customer <id>', 'our id of the customer')
    .option('--user <id>', 'the product’s id of the user')
    .option('--anonymous <id>', 'the product’s id of the visitor')
    .option('--traits <json>', 'traits that count for this decision')
    .option('--context <json>', 'facts of the moment')
    .option('--count <n>', 'ranks wanted', '1')
    .option('--key <key>', 'a repeat with it gets the same answer')
    .option('--reasons', 'with what each rank was chosen by (in --json)')
    .addHelpText('after', '\nExample:\n  starling decide --user ada --placement home-banner --count 3')
    .action(
      act(context, async (options: Options, command: Command) => {
        const traits = objectOf('--traits', options.traits)
        if (isFailure(traits)) return traits
        const facts = objectOf('--context', options.context)
        if (isFailure(facts)) return facts
        const body = {
          placement: options.placement,
          count: Number(options.count),
          ...(options.customer === undefined ? {} : { customerId: options.customer }),
          ...(options.user === undefined ? {} : { userId: options.user }),
          ...(options.anonymous === undefined ? {} : { anonymousId: options.anonymous }),
          ...(traits === undefined ? {} : { traits }),
          ...(facts === undefined ? {} : { context: facts }),
          ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
          ...(options.reasons === true ? { reasons: true } : {}),
        }
        const answer = await ask<PlacementAnswer>(context, command, 'POST', '/decisions', { json: body })
        if (answer.kind === 'failed') return answer
        return done(answer.body, textOf(answer.body))
      }),
    )
}

function textOf({ decisionId, outcome, degraded, treatments }: PlacementAnswer): string {
  const head =
    decisionId === null
      ? 'No campaign has anything to decide at this placement.'
      : `Decision ${decisionId}: ${outcome}${degraded === false ? '' : ` (${degraded})`}`
  if (treatments.length === 0) return head
  const rows = treatments.map(rowOf)
  return `${head}\n${table(['rank', 'campaign', 'treatment', 'variant', 'propensity', 'content'], rows)}`
}

function rowOf({ rank, campaignId, treatmentId, variantId, propensity, content }: RankedTreatment): string[] {
  const words = content === null ? '' : content.subject || content.text || content.html
  const drawn = propensity === null ? '' : propensity.toFixed(4)
  return [String(rank), campaignId, treatmentId, variantId, drawn, words.slice(0, 60)]
}

function objectOf(option: string, text: string | undefined): object | undefined | Failure {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {}
  return failed(exitCodes.usage, `${option} is no JSON object`, `Write it like ${option} '{"tier":"gold"}'.`)
}

function isFailure(value: object | undefined | Failure): value is Failure {
  return value !== undefined && 'kind' in value && value.kind === 'failed'
}
