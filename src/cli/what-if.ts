import type { Command } from 'commander'
import type { DecisionExplanation } from '../decision/explain.ts'
import { ask, type CliContext } from './context.ts'
import { exitCodes } from './exit-codes.ts'
import { done, failed, type Outcome } from './outcome.ts'
import { table } from './table.ts'

/** For the command's help. */
export const changesHelp = `What can be changed:
  feature:NAME=NUMBER                       e.g. "feature:orders (log)=0.5"
  value:CAMPAIGN:OFFER/CHANNEL=NUMBER       in the reporting currency; so is cost
  cost:…, lever:…, fatigue:…                likewise
  without:GUARDRAIL                         as if it had not objected`

/** `starling explain ID --what-if CHANGE`: both draws side by side. */
export async function whatIf(
  context: CliContext,
  command: Command,
  path: string,
  text: string,
): Promise<Outcome> {
  const change = readChange(text)
  if (change === null) return failed(exitCodes.usage, `${text} is no change`, changesHelp)
  const answer = await ask<{ before: DecisionExplanation; after: DecisionExplanation }>(
    context,
    command,
    'POST',
    `${path}/what-if`,
    { json: { change } },
  )
  if (answer.kind === 'failed') return answer
  const { before, after } = answer.body
  return done(
    answer.body,
    `Before: ${before.verdict}\nAfter:  ${after.verdict}\n\n${drawsText(before, after)}`,
  )
}

function readChange(text: string): object | null {
  const without = /^without:(.+)$/.exec(text)
  if (without !== null) return { kind: 'without-guardrail', guardrail: without[1] }
  const feature = /^feature:(.+)=([^=]+)$/.exec(text)
  if (feature !== null && isNumber(feature[2]))
    return { kind: 'feature', name: feature[1], value: Number(feature[2]) }
  const treatment = /^(value|cost|lever|fatigue):([^:]+):([^=]+)=([^=]+)$/.exec(text)
  if (treatment === null || !isNumber(treatment[4])) return null
  const [, kind, campaignId, treatmentId, to] = treatment
  return { kind, campaignId, treatmentId, to: Number(to) }
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '' && Number.isFinite(Number(text))
}

/** Each candidate's part in the draw and score, before and after. */
function drawsText(before: DecisionExplanation, after: DecisionExplanation): string {
  const names = new Set([...before.drawn, ...after.drawn].map(nameOf))
  const rows = [...names].map((name) => [name, ...cells(before, name), ...cells(after, name)])
  rows.push(['nothing', share(before.nothing), '0', share(after.nothing), '0'])
  return table(['candidate', 'before', 'score', 'after', 'score'], rows)
}

function cells({ drawn }: DecisionExplanation, name: string): string[] {
  const found = drawn.find((candidate) => nameOf(candidate) === name)
  if (found === undefined) return ['excluded', '']
  return [share(found), found.score === null ? '' : String(Number(found.score.score.toPrecision(4)))]
}

function nameOf({ campaignId, treatmentId }: { campaignId: string; treatmentId: string }): string {
  return `${campaignId} ${treatmentId}`
}

function share({ probability, isChosen }: { probability: number; isChosen: boolean }): string {
  return `${isChosen ? '→ ' : ''}${(probability * 100).toFixed(1)} %`
}
