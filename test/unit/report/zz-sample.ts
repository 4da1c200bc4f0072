import { writeFileSync } from 'node:fs'
import { reportOn, campaign, createRows, experiment, goal, ENTERED_AT } from '/work/main/test/unit/report/support.ts'
import { hillstromCampaign, hillstromRows } from '/work/main/test/unit/report/hillstrom-report.ts'
import { reportPage } from '/work/main/src/report/report-page.ts'
import { reportTable } from '/work/main/src/report/report-table.ts'
const h = await reportOn(hillstromRows(), hillstromCampaign)
writeFileSync('/tmp/report-hillstrom.html', reportPage(h))
console.log(reportTable(h))
// a running campaign: holdout, three arms, one goal too early
let seed = 7
const rnd = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648 }
const made = createRows('spring-mailing')
const arms: [string, number, number][] = [['no-mail', 0.041, 0.0], ['coffee-beans', 0.057, 1], ['espresso-cups', 0.047, 1]]
let c = 0
for (let i = 0; i < 24000; i += 1) {
  const heldOut = rnd() < 0.1
  const [arm, p] = arms[Math.floor(rnd() * 3)]!
  const id = `c${c++}`
  made.enter(id, heldOut, arm, ENTERED_AT + Math.floor(rnd() * 20 * 86400000))
  const at = made.rows.assignments.at(-1)!.entered_at + 3600_000
  if (rnd() < (heldOut ? 0.041 : p)) { made.convert(id, 'purchase', Math.round(15e6 + rnd() * 60e6), at) }
  if (rnd() < 0.11) made.convert(id, 'visit', 0, at)
  if (rnd() < 0.0012) made.convert(id, 'subscription', 9_990_000, at)
}
const spec = campaign({ campaignId: 'spring-mailing', name: 'Spring mailing & friends', holdout: 0.1, alsoMeasure: [goal('visit', false), goal('subscription')],
  policy: experiment([['no-mail', 1/3, true], ['coffee-beans', 1/3], ['espresso-cups', 1/3]]) })
const s = await reportOn(made.rows, spec, { now: ENTERED_AT + 25 * 86400000 })
s.funnel = { decisions: { treatment: 13960, nothing: 7320, 'held-out': 2401, 'none-eligible': 812, 'treatment-elsewhere': 407 }, exclusions: { 'frequency-cap': 1650, 'quiet-hours': 212, holdout: 4802 }, messages: { sent: 13702, lapsed: 201, failed: 41, unknown: 3, queued: 13 }, sentByTreatment: { 'coffee-beans/email': 6871, 'espresso-cups/email': 6831 }, clicks: 1822, messagesClicked: 1544, costMicros: 13705 * 2000 }
writeFileSync('/tmp/report-sample.html', reportPage(s, [{ label: 'JSON', href: '#json' }, { label: 'CSV', href: '#csv' }]))
console.log(reportTable(s))
