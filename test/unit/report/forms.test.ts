import { parse } from 'csv-parse/sync'
import { JSDOM } from 'jsdom'
import { beforeAll, describe, expect, it } from 'vitest'
import { reportCsv } from '../../../src/report/report-csv.ts'
import { reportPage } from '../../../src/report/report-page.ts'
import type { UpliftReport } from '../../../src/report/report-schema.ts'
import { reportTable } from '../../../src/report/report-table.ts'
import { hillstromCampaign, hillstromRows } from './hillstrom-report.ts'
import { campaign, createRows, reportOn, twoGroups } from './support.ts'

let hillstrom: UpliftReport
let early: UpliftReport
let empty: UpliftReport
const HOSTILE = '<img src=x onerror=alert(1)> & "Co" \'s'

beforeAll(async () => {
  hillstrom = await reportOn(hillstromRows(), hillstromCampaign)
  early = await reportOn(twoGroups({ n: 30, buyers: 3 }, { n: 30, buyers: 1 }), campaign({ name: HOSTILE }))
  empty = await reportOn(createRows().rows, campaign())
})

describe('the table', () => {
  it('shows numbers, intervals and a bar, aligned', () => {
    const lines = reportTable(hillstrom).split('\n')
    const visits = lines.find((line) => line.startsWith('  visit, % of customers')) ?? ''
    expect(visits).toMatch(/18\.28 {2,}10\.62 {2,}\+7\.66 {2}\+6\.57 to \+8\.75/)
    expect(visits).toMatch(/\+72\.1 %/)
    expect(visits).toMatch(/\| +\(-*\[=*o=*\]-*\)/)
    const bars = lines.filter((line) => line.includes('[='))
    expect(new Set(bars.map((line) => line.indexOf('|'))).size).toBe(1)
    expect(lines.some((line) => /^ {2}spend, USD per customer +1\.423 +0\.653 +\+0\.770 /.test(line))).toBe(
      true,
    )
  })

  it('keeps an interval that leaves out zero away from it in print', () => {
    // Women's e-mail, spend: from 0.00465 on.
    expect(reportTable(hillstrom)).toContain('+0.005 to +0.844')
  })

  it('says why there is no interval yet, and works without customers', () => {
    expect(reportTable(early).replaceAll('\n   ', ' ')).toContain(
      'the treated group has 3 of the 20 conversions it takes',
    )
    expect(reportTable(empty)).toContain('No customer has entered the campaign yet.')
  })
})

describe('the CSV', () => {
  it('has a row per comparison and goal whose numbers are those of the report', () => {
    const rows = parse(reportCsv(hillstrom), { columns: true }) as Record<string, string>[]
    expect(rows).toHaveLength(6)
    const mens = rows.find(({ treated, goal }) => treated === 'mens' && goal === 'spend')
    const expected = hillstrom.comparisons[0]?.goals[2]?.value
    expect(Number(mens?.value_difference)).toBe(expected?.difference?.estimate)
    expect(Number(mens?.value_anytime_upper)).toBe(expected?.difference?.anytime?.upper)
    expect(mens).toMatchObject({
      campaign_id: 'hillstrom',
      comparison: 'arm',
      control: 'none',
      value_verdict: 'adds',
    })
    expect(rows.find(({ goal }) => goal === 'visit')?.value_difference).toBe('')
  })

  it('has its header without rows', () => {
    expect(reportCsv(empty).split(',').slice(0, 2)).toEqual(['campaign_id', 'version'])
  })
})

describe('the page', () => {
  it('draws every measure with a zero line, both intervals, a description, and the numbers beneath', () => {
    const { document } = new JSDOM(reportPage(hillstrom)).window
    const drawings = [...document.querySelectorAll('svg[role=img]')]
    expect(drawings).toHaveLength(4)
    for (const drawing of drawings) {
      expect(drawing.querySelectorAll('.zero')).toHaveLength(1)
      expect(drawing.querySelectorAll('.anytime')).toHaveLength(2)
      expect(drawing.querySelectorAll('.fixed')).toHaveLength(2)
      for (const id of (drawing.getAttribute('aria-labelledby') ?? '').split(' ')) {
        expect(drawing.querySelector(`#${id}`)?.textContent).toBeTruthy()
      }
      expect(drawing.closest('figure')?.nextElementSibling?.querySelector('table')).toBeTruthy()
    }
    expect(document.body.textContent).toContain('+6.57 to +8.75')
    expect(document.body.textContent).toContain('adds between 65.7 and 87.5')
  })

  it('places zero and the estimates by the axis', () => {
    const { document } = new JSDOM(reportPage(hillstrom)).window
    const drawing = document.querySelector('svg') as unknown as Element
    const x = (text: string) => {
      const label = [...drawing.querySelectorAll('.tick-label')].find(
        ({ textContent }) => textContent === text,
      )
      return Number(label?.getAttribute('x'))
    }
    expect(x('0')).toBe(Number(drawing.querySelector('.zero')?.getAttribute('x1')))
    const perPoint = (x('+2.00') - x('0')) / 2
    const mens = Number(drawing.querySelector('.estimate')?.getAttribute('cx'))
    expect((mens - x('0')) / perPoint).toBeCloseTo(7.65896, 1)
  })

  it('escapes what people wrote and fetches nothing', () => {
    const html = reportPage(early, [{ label: 'CSV', href: '/x?a=1&b="' }])
    const { document } = new JSDOM(html).window
    expect(document.querySelectorAll('img, script, link, iframe')).toHaveLength(0)
    expect(document.querySelector('h1')?.textContent).toBe(HOSTILE)
    expect(document.querySelector('footer a')?.getAttribute('href')).toBe('/x?a=1&b="')
    expect(html).not.toMatch(/https?:|url\(|@import/)
  })

  it('works without customers', () => {
    expect(reportPage(empty)).toContain('No customer has entered')
  })
})
