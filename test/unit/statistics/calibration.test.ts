import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { calibrated, fitCalibration, fitIsotonic, fitPlatt } from '#statistics/calibration.ts'
import {
  areaUnderRoc,
  brierScore,
  expectedCalibrationError,
  logLoss,
  reliabilityCurve,
} from '#statistics/classification.ts'

describe('classification, as scikit-learn’s documentation has it', () => {
  test('area under the ROC curve, log loss, Brier score', () => {
    expect(areaUnderRoc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75)
    expect(logLoss([0.9, 0.1, 0.2, 0.65], [1, 0, 0, 1])).toBeCloseTo(0.21616, 5)
    expect(brierScore([0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0])).toBeCloseTo(0.0375, 12)
  })

  test('ties count half, one label alone gives none', () => {
    expect(areaUnderRoc([0.5, 0.5, 0.5], [1, 0, 0])).toBe(0.5)
    expect(areaUnderRoc([0.5, 0.6], [1, 1])).toBeNaN()
  })
})

test('reliability: equal counts, equal probabilities together, the error by hand', () => {
  const p = [0.1, 0.1, 0.1, 0.5, 0.9, 0.9]
  const bins = reliabilityCurve(p, [0, 0, 1, 1, 1, 0], 3)
  expect(bins.map(({ count }) => count)).toEqual([3, 1, 2])
  expect(bins[0]!.rate).toBeCloseTo(1 / 3, 12)
  // (3·|1/3 − .1| + 1·|1 − .5| + 2·|.5 − .9|) / 6
  expect(expectedCalibrationError(bins)).toBeCloseTo((0.7 + 0.5 + 0.8) / 6, 12)
})

describe('calibration', () => {
  test('isotonic pools what goes down', () => {
    expect(fitIsotonic([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1])).toEqual({
      kind: 'isotonic',
      from: [0.1, 0.25, 0.4],
      to: [1 / 3, 1 / 2, 2 / 3],
    })
  })

  test('both bring a model that is twice too sure back to the truth', () => {
    const random = createSeededRandom(8)
    const draw = (n: number) => {
      const truth = Array.from({ length: n }, () => 0.02 + 0.5 * random.next())
      // Log odds doubled.
      const told = truth.map((p) => 1 / (1 + ((1 - p) / p) ** 2))
      return { truth, told, labels: truth.map((p) => (random.next() < p ? 1 : 0)) }
    }
    const fitted = draw(20_000)
    const asked = draw(20_000)
    expect(expectedCalibrationError(reliabilityCurve(asked.told, asked.labels))).toBeGreaterThan(0.08)
    for (const make of [fitIsotonic, fitPlatt, fitCalibration]) {
      const calibration = make(fitted.told, fitted.labels)
      const mended = asked.told.map((p) => calibrated(calibration, p))
      expect(expectedCalibrationError(reliabilityCurve(mended, asked.labels))).toBeLessThan(0.015)
    }
    const platt = fitPlatt(fitted.told, fitted.labels)
    expect(platt).toMatchObject({ kind: 'platt' })
    if (platt.kind === 'platt') expect(platt.slope).toBeCloseTo(0.5, 1)
  })

  test('never falls, never leaves (0, 1), whatever it was fitted on', () => {
    const row = fc.record({ p: fc.double({ min: 0, max: 1, noNaN: true }), y: fc.constantFrom(0, 1) })
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.constantFrom(fitIsotonic, fitPlatt),
        (rows, make) => {
          const calibration = make(
            rows.map(({ p }) => p),
            rows.map(({ y }) => y),
          )
          let before = 0
          for (let p = 0; p <= 1; p += 0.05) {
            const now = calibrated(calibration, p)
            expect(now).toBeGreaterThanOrEqual(before - 1e-12)
            expect(now > 0 && now < 1).toBe(true)
            before = now
          }
        },
      ),
      { seed: 3 },
    )
  })
})
