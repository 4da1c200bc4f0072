import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PopulationCell } from '../../../src/report/population-rows.ts'
import { sampleRatios } from '../../../src/report/sample-ratios.ts'
import {
  campaign,
  createRows,
  experiment,
  insert,
  insertVersion,
  newStore,
  report,
  reportOn,
  twoGroups,
  WORKSPACE,
} from './support.ts'

const groups = (treated: number, heldOut: number) =>
  twoGroups({ n: treated, buyers: 0 }, { n: heldOut, buyers: 0 })

describe('the size of the holdout', () => {
  it('is expected from the global and the campaign’s holdout together', async () => {
    const built = await reportOn(groups(720, 280), campaign({ holdout: 0.2 }), { globalHoldout: 0.1 })
    expect(built.sampleRatios[0]?.groups).toEqual([
      { groupId: 'treated', customers: 720, expectedCustomers: expect.closeTo(720, 6) },
      { groupId: 'holdout', customers: 280, expectedCustomers: expect.closeTo(280, 6) },
    ])
    expect(built.sampleRatios[0]).toMatchObject({ mismatch: false, chiSquare: { p: expect.closeTo(1, 6) } })
  })

  it('gives the known χ² and sequential p', async () => {
    const built = await reportOn(groups(500, 600), campaign())
    expect(built.sampleRatios[0]?.chiSquare.statistic).toBeCloseTo(9.0909, 4)
    expect(built.sampleRatios[0]?.chiSquare.p).toBeCloseTo(0.00256883, 8)
    expect(built.sampleRatios[0]?.sequentialP).toBeCloseTo(0.6714507, 7)
  })

  it('is judged by the sequential p while the campaign runs, by χ² when it has ended', async () => {
    const rows = groups(500, 640)
    const running = await reportOn(rows, campaign())
    expect(running.sampleRatios[0]).toMatchObject({ decidedBy: 'sequential', mismatch: false })
    const ended = await reportOn(rows, campaign(), { state: 'ended' })
    expect(ended.sampleRatios[0]).toMatchObject({ decidedBy: 'chi-square', mismatch: true })
    expect(ended.headline.code).toBe('withheld')
  })

  it('withholds every verdict on top when it is wrong', async () => {
    const built = await reportOn(twoGroups({ n: 900, buyers: 400 }, { n: 100, buyers: 20 }), campaign())
    expect(built.sampleRatios[0]?.sequentialP).toBeCloseTo(2.3679e-13, 16)
    expect(built.headline.code).toBe('withheld')
    expect(built.headline.sentences[0]).toContain(
      'the treated group 900 (planned 500), the holdout 100 (planned 500)',
    )
    expect(built.comparisons[0]?.goals[0]?.rate.verdict.code).toBe('withheld')
    expect(built.comparisons[0]?.goals[0]?.value?.verdict.code).toBe('withheld')
  })

  it('finds somebody held out of a campaign that holds nobody out', async () => {
    const built = await reportOn(groups(10, 1), campaign({ holdout: 0 }))
    expect(built.sampleRatios[0]).toMatchObject({ mismatch: true, chiSquare: { statistic: null, p: 0 } })
  })
})

describe('shares that differ between versions', () => {
  it('are each expected for those who entered under them, with a note', async () => {
    const { store, dispose } = await newStore()
    const made = createRows()
    const enter = (version: number, treated: number, heldOut: number) => {
      for (let i = 0; i < treated + heldOut; i += 1)
        made.enter(`v${version}-${i}`, i >= treated, '', undefined, version)
    }
    enter(1, 500, 500)
    enter(2, 900, 100)
    try {
      await insert(store, made.rows)
      await insertVersion(store, 1, campaign({ holdout: 0.5 }))
      await insertVersion(store, 2, campaign({ holdout: 0.1 }))
      const built = await report(store, campaign({ holdout: 0.1 }))
      expect(built.sampleRatios[0]?.groups.map(({ expectedCustomers }) => expectedCustomers)).toEqual([
        1400, 600,
      ])
      expect(built.sampleRatios[0]?.mismatch).toBe(false)
      expect(built.notes).toHaveLength(1)
    } finally {
      await dispose()
    }
  })
})

it('expects arms among those who are not held out, by their shares', async () => {
  const made = createRows()
  for (let i = 0; i < 400; i += 1) made.enter(`a${i}`, false, i < 100 ? 'control' : 'offer')
  for (let i = 0; i < 100; i += 1) made.enter(`h${i}`, true, 'control')
  const policy = experiment([
    ['control', 0.25, true],
    ['offer', 0.75],
  ])
  const built = await reportOn(made.rows, campaign({ holdout: 0.2, policy }))
  expect(built.sampleRatios.map(({ kind, groups: found }) => [kind, ...found])).toEqual([
    [
      'holdout',
      { groupId: 'treated', customers: 400, expectedCustomers: expect.closeTo(400, 6) },
      { groupId: 'holdout', customers: 100, expectedCustomers: expect.closeTo(100, 6) },
    ],
    [
      'arm',
      { groupId: 'control', customers: 100, expectedCustomers: 100 },
      { groupId: 'offer', customers: 300, expectedCustomers: 300 },
    ],
  ])
})

it('gives the same last digit in whatever order and pages the store counts', async () => {
  const { store, dispose } = await newStore()
  try {
    await insertVersion(store, 1, campaign({ holdout: 0.1 }))
    await insertVersion(store, 2, campaign({ holdout: 0.3 }))
    const cell = (campaignVersion: number, heldOut: boolean, customers: number): PopulationCell => ({
      ...{ campaignVersion, heldOut, arm: '', customers },
      ...{ windowOpen: 0, firstEnteredAt: 0, lastEnteredAt: 0 },
    })
    const cells = [
      cell(1, false, 3957),
      cell(1, true, 972),
      cell(2, false, 411),
      cell(2, true, 83),
      cell(1, true, 7),
    ]
    const ratiosOf = (found: PopulationCell[]) =>
      sampleRatios(store.read.workspace(WORKSPACE), {
        ...{ spec: campaign(), state: 'live', globalHoldout: 0.1, cells: found },
      })
    const expected = await ratiosOf(cells)
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(cells, { minLength: cells.length }),
        fc.nat(4),
        fc.nat(900),
        async (found, which, part) => {
          const { customers } = found[which]!
          const own = Math.min(part, customers)
          const split = found.with(which, { ...found[which]!, customers: own })
          expect(await ratiosOf([...split, { ...found[which]!, customers: customers - own }])).toEqual(
            expected,
          )
        },
      ),
      { numRuns: 50 },
    )
  } finally {
    await dispose()
  }
})
