import { escapeHtml } from '#platform/html/escape-html.ts'
import { forestPlot } from './forest-plot.ts'
import {
  comparisonTitle,
  funnelLines,
  lackOf,
  type MeasureRow,
  measureRows,
  measureTitle,
  populationLine,
  sampleRatioLine,
  shownLine,
  writerOf,
} from './measure-rows.ts'
import { count, instant, money, percent, pValue, signed } from './number-format.ts'
import type { UpliftReport } from './report-schema.ts'
import { reportStyle } from './report-style.ts'

export interface ReportLink {
  label: string
  href: string
}

/** The report as a page of its own: no script, nothing fetched from elsewhere. */
export function reportPage(report: UpliftReport, links: ReportLink[] = []): string {
  const { name, campaignId, version, state, generatedAt } = report
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`${name}: uplift`)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(name)}</h1>
<p class="facts"><code>${escapeHtml(campaignId)}</code> · version ${version} · <span class="state">${escapeHtml(state)}</span> · as of <time datetime="${new Date(generatedAt).toISOString()}">${instant(generatedAt)}</time></p>
<p class="facts">${escapeHtml(populationLine(report.population))}</p>
</header>
${headlineBlock(report)}
${report.goals.map((goal) => goalSection(report, goal)).join('\n')}
<section aria-labelledby="groups">
<h2 id="groups">Groups</h2>
${list([...report.sampleRatios.map(sampleRatioLine), ...report.notes])}
${groupsTable(report)}
</section>
${fairnessSection(report)}<section aria-labelledby="funnel">
<h2 id="funnel">From decision to click</h2>
<table><caption>Decisions for the campaign's customers from their entry on, and the campaign's messages</caption>
<tbody>${funnelLines(report)
    .map(
      ([label, number]) => `<tr><th scope="row">${escapeHtml(label)}</th><td>${escapeHtml(number)}</td></tr>`,
    )
    .join('')}</tbody></table>
</section>
<footer><p>${escapeHtml(shownLine(report))} Everybody counts in the group they were assigned to, whatever was sent or seen. p is Holm-adjusted over all measures compared.</p>
${links.length === 0 ? '' : `<p>${links.map(({ label, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`).join(' · ')}</p>`}</footer>
</main>
</body>
</html>
`
}

function headlineBlock({ headline }: UpliftReport): string {
  const { code, sentences } = headline
  return `<section class="headline ${code}" aria-label="Verdict">${sentences.map((sentence) => `<p>${escapeHtml(sentence)}</p>`).join('')}</section>`
}

/** All comparisons of one goal: a drawing per measure, and the numbers beneath it. */
function goalSection(
  report: UpliftReport,
  { goalId, event, windowHours }: UpliftReport['goals'][number],
): string {
  const rows = report.comparisons.flatMap(measureRows).filter(({ goal }) => goal.goalId === goalId)
  if (rows.length === 0) return ''
  const id = `goal-${escapeHtml(goalId)}`
  const measures = (['rate', 'value'] as const).map((what) => rows.filter((row) => row.what === what))
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${escapeHtml(goalId)}</h2>
<p class="facts">Event “${escapeHtml(event)}” within ${hours(windowHours)} of entering.</p>
${measures.map((own) => (own.length === 0 ? '' : measureBlock(report, own, id))).join('\n')}
</section>`
}

function measureBlock(report: UpliftReport, rows: MeasureRow[], sectionId: string): string {
  const first = rows[0]
  if (first === undefined) return ''
  const number = writerOf(rows)
  const heads = [
    '',
    'treated',
    'control',
    'difference',
    '95 % anytime-valid',
    '95 % fixed-horizon',
    'lift',
    'p',
    'incremental',
  ]
  return `<figure>
<div class="scroll">${forestPlot(rows, report.currency, `${sectionId}-${first.what}`)}</div>
<figcaption><span class="key key-anytime"></span>anytime-valid <span class="key key-fixed"></span>fixed-horizon <span class="key key-estimate"></span>estimate</figcaption>
</figure>
<div class="scroll"><table>
<caption>${escapeHtml(measureTitle(first, report.currency))}</caption>
<thead><tr>${heads.map((head) => (head === '' ? '<td></td>' : `<th scope="col">${head}</th>`)).join('')}</tr></thead>
<tbody>${rows.map((row) => measureCells(row, report, number)).join('\n')}</tbody>
</table></div>
<ul class="verdicts">${rows.map(({ measure }) => `<li class="${measure.verdict.code}">${escapeHtml(measure.verdict.sentence)}</li>`).join('')}</ul>`
}

function measureCells(
  row: MeasureRow,
  { currency, shown }: UpliftReport,
  number: (value: number) => string,
): string {
  const { measure, treated, control, comparison, what } = row
  const { difference, relative, incremental, holmP } = measure
  const interval = (own: { lower: number; upper: number } | null | undefined) =>
    own ? `${signed(number(own.lower))} to ${signed(number(own.upper))}` : lackOf(measure)
  const whole = (value: number) => (what === 'rate' ? count(value) : money(value, currency))
  const total = incremental?.[shown]
  const cells: [text: string, shown: boolean][] = [
    [number(treated), false],
    [number(control), false],
    [difference === null ? '' : signed(number(difference.estimate)), false],
    [interval(difference?.anytime), shown === 'anytime'],
    [interval(difference?.fixed), shown === 'fixed'],
    [relative === null ? '' : signed(percent(relative.estimate, 1)), false],
    [holmP === null ? '' : pValue(holmP), false],
    [total ? `${whole(total.lower)} to ${whole(total.upper)}` : '', false],
  ]
  return `<tr><th scope="row">${escapeHtml(comparisonTitle(comparison))}</th>${cells
    .map(([text, strong]) => `<td${strong ? ' class="shown"' : ''}>${escapeHtml(text)}</td>`)
    .join('')}</tr>`
}

/** Each group once per goal, with Wilson's interval of its rate. */
function groupsTable({ comparisons, currency }: UpliftReport): string {
  const groups = new Map(
    comparisons.flatMap(({ goals }) =>
      goals.flatMap(({ goalId, treated, control, value }) =>
        [treated, control].map(
          (group) => [`${goalId} ${group.groupId}`, { goalId, group, hasValue: value !== null }] as const,
        ),
      ),
    ),
  )
  if (groups.size === 0) return ''
  const rows = [...groups.values()].map(({ goalId, group, hasValue }) => {
    const { lower, upper } = group.rateInterval
    const value = (units: number) => (hasValue ? money(units, currency) : '')
    const cells = [
      count(group.customers),
      count(group.conversions),
      percent(group.rate),
      `${percent(lower)} to ${percent(upper)}`,
      value(group.valueSum),
      value(group.valuePerCustomer),
    ]
    return `<tr><th scope="row">${escapeHtml(`${goalId}: ${group.groupId}`)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`
  })
  return `<div class="scroll"><table><caption>Each group by itself</caption>
<thead><tr><td></td>${['customers', 'conversions', 'rate', '95 % Wilson', 'value', 'value per customer'].map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`
}

/** Bars of treatment rates by group; what is below the ratio says so in words too. */
function fairnessSection({ fairness }: UpliftReport): string {
  if (fairness.length === 0) return ''
  const rows = fairness.flatMap(({ attribute, treatmentId, groups }) =>
    groups.map(({ value, customers, treated, rate, ratio, warning }) => {
      const what = `${attribute}: ${value === '' ? '(unknown)' : value}`
      const cells = [
        treatmentId === '' ? 'any' : treatmentId,
        count(customers),
        count(treated),
        percent(rate),
      ]
      const of = ratio === null ? 'not judged' : percent(ratio)
      return `<tr><th scope="row">${escapeHtml(what)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}<td><meter min="0" max="1" value="${(ratio ?? 0).toFixed(3)}">${of}</meter> ${of}${warning ? ' <strong>below the least</strong>' : ''}</td></tr>`
    }),
  )
  return `<section aria-labelledby="fairness">
<h2 id="fairness">Fairness</h2>
<div class="scroll"><table><caption>Who got a treatment, by attributes that the policy does not see</caption>
<thead><tr><td></td>${['treatment', 'customers', 'reached', 'rate', 'of the highest rate'].map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>
</section>
`
}

function list(items: string[]): string {
  return items.length === 0 ? '' : `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join('')}</ul>`
}

function hours(windowHours: number): string {
  const days = windowHours / 24
  return Number.isInteger(days) ? `${days} ${days === 1 ? 'day' : 'days'}` : `${windowHours} hours`
}
