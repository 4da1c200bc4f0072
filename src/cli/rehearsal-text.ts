import type { Comparison } from '../pipeline/rehearsal/compare-decisions.ts'
import type { Prediction } from '../pipeline/rehearsal/predict-outcome.ts'
import type { Rehearsal } from '../pipeline/rehearsal/rehearse.ts'
import type { Tally } from '../pipeline/rehearsal/tally.ts'
import { table } from './table.ts'

/** A rehearsal for a terminal; its last line is JSON. */
export function rehearsalText(rehearsal: Rehearsal): string {
  const { over, changed, since, until, recorded, rehearsed, exact, predictions, notes } = rehearsal
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10)
  const what =
    over === 'simulation' ? 'Simulation' : changed ? 'History with the change' : 'History as it was'
  const before = changed ? recorded : null
  return [
    `${what}, ${day(since)} to ${day(until - 1)} (UTC)`,
    '',
    figures(before, rehearsed),
    '',
    'sends a day',
    chart(before, rehearsed),
    '',
    treatments(before, rehearsed),
    '',
    ...(exact === null ? [] : [exactText(exact), '']),
    ...predictions.map(predictionText),
    ...notes.map((note) => `Note: ${note}`),
    '',
    JSON.stringify(lineOf(rehearsal)),
  ].join('\n')
}

function figures(before: Tally | null, after: Tally): string {
  const sum = (counts: Record<string, number>): number =>
    Object.values(counts).reduce((all, own) => all + own, 0)
  const row = (name: string, of: (tally: Tally) => string): string[] => [
    name,
    ...(before === null ? [] : [of(before)]),
    of(after),
  ]
  const rows = [
    row('decisions', ({ decisions }) => String(decisions)),
    ...outcomes(before, after).map((name) =>
      row(`  ${name}`, ({ byOutcome }) => String(byOutcome[name] ?? 0)),
    ),
    row('sends', ({ sends }) => String(sends)),
    row('spent', ({ spentMicros }) => (sum(spentMicros) / 1_000_000).toFixed(2)),
    row('stopped by a cap, at decision', ({ capCollisions }) => String(capCollisions.atDecision)),
    row('stopped by a cap, at the send', ({ capCollisions }) => String(capCollisions.atSend)),
    row('deferred at decision', ({ deferrals }) => String(deferrals.atDecision)),
    row('deferred at the send', ({ deferrals }) => String(deferrals.atSend)),
    row('given up', ({ lapsed }) => String(sum(lapsed))),
    ...reasons(before, after).map((name) => row(`  ${name}`, ({ lapsed }) => String(lapsed[name] ?? 0))),
  ]
  return table(['', ...(before === null ? [] : ['as it was']), 'rehearsed'], rows)
}

function outcomes(before: Tally | null, after: Tally): string[] {
  return [...new Set([...Object.keys(before?.byOutcome ?? {}), ...Object.keys(after.byOutcome)])].sort()
}

function reasons(before: Tally | null, after: Tally): string[] {
  return [...new Set([...Object.keys(before?.lapsed ?? {}), ...Object.keys(after.lapsed)])].sort()
}

const barLetters = 40

function chart(before: Tally | null, after: Tally): string {
  const top = Math.max(1, ...[...(before?.sendsByDay ?? []), ...after.sendsByDay].map(({ sends }) => sends))
  const bar = (sends: number, letter: string): string => letter.repeat(Math.round((barLetters * sends) / top))
  return after.sendsByDay
    .flatMap(({ day, sends }, index) => {
      const was = before?.sendsByDay[index]?.sends
      return [
        ...(was === undefined ? [] : [`${day}  ${bar(was, '░')} ${was}`]),
        `${was === undefined ? day : ' '.repeat(10)}  ${bar(sends, '█')} ${sends}`,
      ]
    })
    .join('\n')
}

function treatments(before: Tally | null, after: Tally): string {
  const keyOf = (own: Tally['byTreatment'][number]): string => `${own.campaignId} ${own.treatmentId}`
  const was = new Map(before?.byTreatment.map((own) => [keyOf(own), own.decisions]))
  const is = new Map(after.byTreatment.map((own) => [keyOf(own), own.decisions]))
  const rows = [...new Set([...was.keys(), ...is.keys()])].map((key) => [
    key,
    ...(before === null ? [] : [String(was.get(key) ?? 0)]),
    String(is.get(key) ?? 0),
  ])
  return table(['decided for', ...(before === null ? [] : ['as it was']), 'rehearsed'], rows)
}

function exactText({ same, different, missing, extra, notReplayable, examples }: Comparison): string {
  const left = Object.entries(notReplayable).map(([reason, count]) => `${reason} ${count}`)
  return [
    `Decisions equal to the byte: ${same}; different ${different}, not made again ${missing}, not made then ${extra}` +
      (left.length === 0 ? '' : `; not replayable: ${left.join(', ')}`),
    ...examples.map(({ decisionId, detail }) => `  ${decisionId}: ${detail}`),
  ].join('\n')
}

function predictionText({
  campaignId,
  goalId,
  by,
  decisions,
  recorded,
  rehearsed,
  refusals,
}: Prediction): string {
  const shown = (figure: Prediction['rehearsed']): string =>
    figure === null
      ? 'not known'
      : `${figure.value.toFixed(4)} [${figure.interval.lower.toFixed(4)}, ${figure.interval.upper.toFixed(4)}]`
  const why = refusals.length === 0 ? '' : ` (${refusals.join('; ')})`
  if (by === 'holdout')
    return `${campaignId}: ${goalId} added per customer, against the holdout: ${shown(rehearsed)}${why}, ${decisions} customers`
  return `${campaignId}: ${goalId} per decision, as it was ${shown(recorded)}, rehearsed ${shown(rehearsed)}${why}; off-policy from ${decisions} recorded decisions whose window is over`
}

function lineOf({ over, changed, recorded, rehearsed, exact }: Rehearsal): object {
  return {
    rehearsal: over,
    changed,
    baseline: recorded === null ? null : 'the recorded decisions and sends',
    decisions: rehearsed.decisions,
    sends: rehearsed.sends,
    ...(recorded === null ? {} : { sends_recorded: recorded.sends }),
    ...(exact === null
      ? {}
      : {
          same: exact.same,
          different: exact.different + exact.missing + exact.extra,
          not_replayable: exact.notReplayable,
        }),
  }
}
