import type { DecisionExplanation, DrawnCandidate, ExcludedCandidate } from './explain.ts'

/** The explanation as text for a terminal. `currency` is the workspace's, ISO 4217. */
export function formatExplanation(explanation: DecisionExplanation, currency: string): string {
  const { funnel, trigger } = explanation
  return [
    `Decision ${explanation.decisionId} for customer ${explanation.customerId}`,
    `  ${new Date(explanation.decidedAt).toISOString()}, ${trigger.kind} ${trigger.triggerId}`,
    `  snapshot ${explanation.snapshotId}, engine ${explanation.engineVersion}`,
    '',
    explanation.verdict,
    '',
    `Funnel: ${funnel.candidates} candidates, ${funnel.excluded} excluded, ${funnel.drawn} in the draw, ${funnel.chosen} chosen`,
    ...section('Excluded', explanation.excluded.map(formatExcluded)),
    ...section(`In the draw (money in ${currency})`, [
      ...explanation.drawn.map(formatDrawn),
      ...formatNothing(explanation),
    ]),
    ...section('What would have made them equal', formatRunnerUp(explanation, currency)),
    ...section('What the features add to the log-odds of a response', formatContributions(explanation)),
    ...section('Hours', formatHours(explanation)),
    ...section('How', [formatHow(explanation, currency)]),
    ...section(
      'Features',
      explanation.features.map(({ name, value }) => `${name}: ${rounded(value)}`),
    ),
    '',
  ].join('\n')
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

function formatExcluded({ campaignId, treatmentId, by, reason, objections }: ExcludedCandidate): string {
  const why = objections.map(({ guardrail, verdict }) => {
    const inputs = Object.entries(verdict.inputs).map(([name, value]) => `${name}=${value}`)
    const judged = verdict.kind === 'suppress' ? 'suppresses' : 'defers'
    return `${guardrail} ${judged}: ${verdict.reason}${inputs.length > 0 ? ` (${inputs.join(', ')})` : ''}`
  })
  if (!objections.some(({ guardrail }) => guardrail === by)) why.unshift(`${by}: ${reason}`)
  return `${campaignId} ${treatmentId}: ${why.join('; ')}`
}

function formatDrawn(candidate: DrawnCandidate): string {
  const { campaignId, treatmentId, probability, score, deferred, isChosen } = candidate
  const parts = [`${isChosen ? '→' : ' '} ${campaignId} ${treatmentId}: probability ${rounded(probability)}`]
  if (score !== null) {
    parts.push(
      `score ${rounded(score.score)} = max(0, ${rounded(score.responseProbability)} − ${rounded(score.fatigue)} − ` +
        `${rounded(score.unpromptedProbability)}) × ${rounded(score.value)} × ${rounded(score.lever)} − ${rounded(score.cost)}`,
    )
  }
  if (deferred !== null) {
    parts.push(
      `deferred to ${new Date(deferred.untilMs).toISOString()} by ${deferred.by} (${deferred.reason})`,
    )
  }
  for (const { variantId, probability: share, isChosen: isDrawn } of candidate.variants) {
    parts.push(`${isDrawn ? '→ ' : ''}variant ${variantId} ${rounded(share)}`)
  }
  return parts.join(', ')
}

function formatNothing({ nothing }: DecisionExplanation): string[] {
  if (nothing.probability === 0) return []
  return [`${nothing.isChosen ? '→' : ' '} nothing: probability ${rounded(nothing.probability)}, score 0`]
}

/** One line for each factor that alone would have done it. */
function formatRunnerUp({ runnerUp }: DecisionExplanation, currency: string): string[] {
  if (runnerUp === null) return []
  const { campaignId, treatmentId, scoreGap, needs } = runnerUp
  const less = scoreGap < 0 ? 'more' : 'less'
  const ways = [
    needs.responseProbability === null
      ? ''
      : `a response probability of ${rounded(needs.responseProbability)}`,
    needs.fatigue === null ? '' : `a fatigue of ${rounded(needs.fatigue)}`,
    needs.value === null ? '' : `a value of ${rounded(needs.value)} ${currency}`,
    needs.lever === null ? '' : `a lever of ${rounded(needs.lever)}`,
    needs.cost === null ? '' : `a cost of ${rounded(needs.cost)} ${currency}`,
  ].filter((way) => way !== '')
  const worth = `${campaignId} ${treatmentId} was worth ${rounded(Math.abs(scoreGap))} ${currency} ${less}`
  return [`${worth}: ${ways.length === 0 ? 'no single factor would do' : `it takes ${ways.join(', or ')}`}`]
}

function formatContributions({ drawn, unprompted }: DecisionExplanation): string[] {
  const known = drawn.flatMap(({ campaignId, treatmentId, contributions }) =>
    contributions === null ? [] : [{ name: `${campaignId} ${treatmentId}`, contributions }],
  )
  const all = [
    ...known,
    ...unprompted.map(({ campaignId, contributions }) => ({
      name: `${campaignId}, unprompted`,
      contributions,
    })),
  ]
  return all.map(({ name, contributions: { features, others } }) => {
    const terms = features.map((one) => `${one.name} ${signed(one.logOdds)}`)
    if (others !== 0) terms.push(`others ${signed(others)}`)
    return `${name}: ${terms.length === 0 ? 'nothing learned yet' : terms.join(', ')}`
  })
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${rounded(Math.abs(value))}`
}

function formatHours({ sendTime }: DecisionExplanation): string[] {
  if (sendTime === null) return []
  const { cohort, activityTotal, slots, probabilities, slotIndex } = sendTime
  const whose = `cohort ${cohort === '' ? '(none)' : cohort}, ${activityTotal} signs of life of the customer`
  return [
    whose,
    ...slots.map(({ dueAt, activity }, slot) => {
      const own = activity === 0 ? '' : `, ${activity} of them in this hour`
      const at = new Date(dueAt).toISOString()
      return `${slot === slotIndex ? '→' : ' '} ${at}: probability ${rounded(probabilities[slot]!)}${own}`
    }),
  ]
}

function formatHow(explanation: DecisionExplanation, currency: string): string {
  const { policy: drawnBy, gamma, t, bound, seed, campaigns } = explanation
  const held = campaigns.map(
    ({ campaignId, version, policy, heldOut, arm }) =>
      `${campaignId} v${version} ${policy}${arm === '' ? '' : `, arm ${arm}`}${heldOut ? ', held out' : ''}`,
  )
  return `${drawnBy}, γ ${rounded(gamma)} (t ${rounded(t)}), bound ${rounded(bound)} ${currency}, seed ${seed}; ${held.join('; ')}`
}

/** Four significant digits: 0.6682, 5, 0.0075. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(4)))
}
