import type { ReliabilityBin } from '#statistics/classification.ts'
import type { HeadCard, ModelCard } from './model-card.ts'

/** The card as Markdown; a reliability curve is drawn beside it for each head, in the file named. */
export function cardMarkdown(card: ModelCard): string {
  const { data, training } = card
  const lines = [
    `# Model card: ${card.modelId}`,
    '',
    card.purpose,
    '',
    `- Kind: ${card.kind}; trained ${card.trainedAt}`,
    `- Features: schema ${card.features.schema} (${card.features.hash.slice(0, 12)}), declared traits: ${card.features.traits.join(', ') || 'none'}`,
    `- Data: ${data.customers} customers from ${data.from} to ${data.to}; ${data.rows.taught} rows taught, ${data.rows.stopped} stopped the training and calibrated, ${data.rows.measured} measured; each customer is in one part`,
    `- Training: ${training.network}, backend ${training.backend}, seed ${training.seed}, ${training.epochs} epochs, weights of epoch ${training.bestEpoch}${training.stoppedEarly ? ', stopped early' : ''}`,
    '',
    '| head | rows | positives | log loss (base rate) | AUC | Brier | ECE (uncalibrated) |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...card.heads.map(headLine),
    '',
    ...card.heads.flatMap(({ name, meaning }) => [
      `**${name}**: ${meaning}. ![Reliability of ${name}](${curveFile(name)})`,
      '',
    ]),
  ]
  if (card.uplift !== undefined) {
    lines.push(
      '| fifth by predicted uplift | predicted | observed | treated | held out |',
      '| --- | --- | --- | --- | --- |',
      ...card.uplift.map(
        (fifth, place) =>
          `| ${place + 1} | ${digits(fifth.predicted)} | ${digits(fifth.observed)} | ${fifth.treated} | ${fifth.heldOut} |`,
      ),
      '',
    )
  }
  lines.push('## Limits', '', ...card.limits.map((limit) => `- ${limit}`), '')
  return lines.join('\n')
}

export function curveFile(head: string): string {
  return `reliability-${head}.svg`
}

function headLine({ name, rows, positives, metrics }: HeadCard): string {
  const { logLoss, logLossOfBaseRate, auc, brier, ece, eceUncalibrated } = metrics
  return `| ${name} | ${rows} | ${positives} | ${digits(logLoss)} (${digits(logLossOfBaseRate)}) | ${digits(auc)} | ${digits(brier)} | ${digits(ece)} (${digits(eceUncalibrated)}) |`
}

function digits(value: number): string {
  return value.toFixed(4)
}

const size = 320
const margin = 40

/** Observed rate by predicted probability, the diagonal dashed; both axes end at the largest value. */
export function reliabilitySvg(title: string, bins: readonly ReliabilityBin[]): string {
  const most = Math.max(0.01, ...bins.flatMap(({ meanProbability, rate }) => [meanProbability, rate]))
  const scale = (value: number): number => (value / most) * (size - 2 * margin)
  const x = (value: number): string => (margin + scale(value)).toFixed(1)
  const y = (value: number): string => (size - margin - scale(value)).toFixed(1)
  const largest = Math.max(...bins.map(({ count }) => count))
  const dots = bins.map(
    ({ count, meanProbability, rate }) =>
      `<circle cx="${x(meanProbability)}" cy="${y(rate)}" r="${(2 + 3 * Math.sqrt(count / largest)).toFixed(1)}"/>`,
  )
  const path = bins.map(({ meanProbability, rate }) => `${x(meanProbability)},${y(rate)}`).join(' ')
  const end = most.toPrecision(2)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" width="${size}" height="${size}" role="img" font-family="sans-serif" font-size="11" fill="#333">`,
    `<title>Reliability of ${title}</title><rect width="${size}" height="${size}" fill="#fff"/>`,
    `<line x1="${x(0)}" y1="${y(0)}" x2="${x(most)}" y2="${y(most)}" stroke="#999" stroke-dasharray="4 3"/>`,
    `<polyline points="${path}" fill="none" stroke="#1f6feb" stroke-width="1.5"/><g fill="#1f6feb">${dots.join('')}</g>`,
    `<path d="M${x(0)} ${y(most)}V${y(0)}H${x(most)}" fill="none" stroke="#333"/>`,
    `<text x="${x(0)}" y="${size - 24}">0</text><text x="${x(most)}" y="${size - 24}" text-anchor="end">${end}</text>`,
    `<text x="${size / 2}" y="${size - 8}" text-anchor="middle">predicted probability</text>`,
    `<text x="12" y="${size / 2}" text-anchor="middle" transform="rotate(-90 12 ${size / 2})">observed share (to ${end})</text>`,
    `<text x="${size / 2}" y="20" text-anchor="middle" font-weight="bold">${title}</text></svg>`,
    '',
  ].join('\n')
}
