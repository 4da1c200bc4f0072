import { Command } from 'commander'
import type { DecisionExplanation } from '../../decision/explain.ts'
import { formatExplanation } from '../../decision/format-explanation.ts'
import type { Copy } from '../../pipeline/explain.ts'
import type { NetworkInputs } from '../../pipeline/network-inputs.ts'
import type { TemplateStanding } from '../../pipeline/template-standing.ts'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'
import { table } from '../table.ts'
import { changesHelp, whatIf } from '../what-if.ts'

type Explained = DecisionExplanation & {
  messageIds: string[]
  copies: Copy[]
  template: TemplateStanding | null
  network: NetworkInputs | null
}
interface Story {
  id: string
  state: string
  reason: string
  address: string
  transitions: { state: string; reason: string; at: number }[]
}

export function explainCommand(context: CliContext): Command {
  return new Command('explain')
    .description('why a decision came out as it did, and what became of its message')
    .argument('<id>', 'of a decision, or of a message')
    .option('--what-if <change>', 'the same decision with one input changed; nothing is stored')
    .addHelpText('after', `\n${changesHelp}\n\nExample:\n  starling explain 4f1c2f0e9b7d4b3fa1c0d9e8b7a6c5d4`)
    .action(
      act(context, async (id: string, options: { whatIf?: string }, command: Command) => {
        const path = `/decisions/${encodeURIComponent(id)}`
        if (options.whatIf !== undefined) return whatIf(context, command, path, options.whatIf)
        const answer = await ask<Explained>(context, command, 'GET', path)
        if (answer.kind === 'failed') return answer
        const workspace = await ask<{ reportingCurrency: string }>(context, command, 'GET', '/workspace')
        if (workspace.kind === 'failed') return workspace
        const messages: Story[] = []
        for (const messageId of answer.body.messageIds) {
          const story = await ask<Story>(context, command, 'GET', `/messages/${messageId}`)
          if (story.kind === 'failed') return story
          messages.push(story.body)
        }
        const text = [
          formatExplanation(answer.body, workspace.body.reportingCurrency),
          ...templateText(answer.body.template),
          ...networkText(answer.body.network),
          ...messages.map((message) => storyText(message, answer.body.copies)),
        ].join('\n')
        return done({ ...answer.body, messages }, text)
      }),
    )
}

function templateText(template: TemplateStanding | null): string[] {
  if (template === null) return []
  const { templateId, version, variantId, why, by, since } = template
  const which = version === null ? templateId : `${templateId} version ${version}`
  const when = since === 0 ? '' : ` (${by}, ${new Date(since).toISOString()})`
  return ['Words', `  variant ${variantId}: ${which}, ${why}${when}`, '']
}

function networkText(network: NetworkInputs | null): string[] {
  if (network === null) return []
  const title = `What the inputs of ${network.modelId} add to the log-odds of a response`
  if (network.missing !== null) return [title, `  not known: ${network.missing}`, '']
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${Number(Math.abs(value).toPrecision(4))}`
  const lines = network.contributions.map(({ campaignId, treatmentId, atRest, features, others }) => {
    const terms = features.map(({ name, logOdds }) => `${name} ${signed(logOdds)}`)
    const rest = others === 0 ? [] : [`others ${signed(others)}`]
    return `  ${campaignId} ${treatmentId}: ${[`at rest ${signed(atRest)}`, ...terms, ...rest].join(', ')}`
  })
  return [title, ...lines, '']
}

function storyText({ id, address, transitions }: Story, copies: readonly Copy[]): string {
  const rows = transitions.map(({ state, reason, at }) => [new Date(at).toISOString(), state, reason])
  const copy = copies.find(({ messageId }) => messageId === id)
  const words = copy === undefined ? [] : [copy.subject, copy.opening].filter((text) => text !== '')
  return [
    `Message ${id} to ${address}`,
    ...words.map((text) => `  ${text}`),
    table(['at', 'state', 'reason'], rows),
  ].join('\n')
}
