import { describe, expect, test } from 'vitest'
import { sampleRatioCheck, sequentialSampleRatio } from '#statistics/sample-ratio.ts'

describe('sample-ratio check', () => {
  test('500 against 600 at half and half', () => {
    const check = sampleRatioCheck({ counts: [500, 600], weights: [0.5, 0.5] })
    expect(check.statistic).toBeCloseTo(9.0909, 4)
    expect(check.p).toBeCloseTo(0.00256883, 8)
    expect(check).toMatchObject({ degreesOfFreedom: 1, mismatch: false })
  })

  test('Hillstrom at thirds, weights in any unit', () => {
    const check = sampleRatioCheck({ counts: [21307, 21387, 21306], weights: [1, 1, 1] })
    expect(check.statistic).toBeCloseTo(0.20253125, 8)
    expect(check.p).toBeCloseTo(0.90369296, 8)
    expect(check.degreesOfFreedom).toBe(2)
  })

  test('a mismatch is one below p .001', () => {
    expect(sampleRatioCheck({ counts: [500, 610], weights: [1, 1] })).toMatchObject({ mismatch: true })
  })

  test('an arm of weight 0 counts for nothing while it is empty, and is a mismatch when it is not', () => {
    const check = sampleRatioCheck({ counts: [500, 600, 0], weights: [1, 1, 0] })
    expect(check).toEqual(sampleRatioCheck({ counts: [500, 600], weights: [1, 1] }))
    expect(sampleRatioCheck({ counts: [500, 500, 1], weights: [1, 1, 0] })).toMatchObject({
      p: 0,
      mismatch: true,
    })
    expect(sequentialSampleRatio({ counts: [500, 500, 1], weights: [1, 1, 0] })).toBe(0)
  })

  test('nobody yet, or one arm only, is no mismatch', () => {
    expect(sampleRatioCheck({ counts: [0, 0], weights: [1, 1] })).toMatchObject({ p: 1, mismatch: false })
    expect(sampleRatioCheck({ counts: [9], weights: [1] })).toMatchObject({ p: 1, mismatch: false })
    expect(sequentialSampleRatio({ counts: [0, 0], weights: [9, 1] })).toBe(1)
  })

  test('weights that are none throw', () => {
    for (const weights of [[0, 0], [1], [1, -1], [Number.NaN, 1]]) {
      expect(() => sampleRatioCheck({ counts: [1, 1], weights })).toThrow(RangeError)
    }
  })
})

describe('sequential sample ratio', () => {
  test('known looks', () => {
    expect(sequentialSampleRatio({ counts: [500, 600], weights: [0.5, 0.5] })).toBeCloseTo(0.6714507, 7)
    expect(sequentialSampleRatio({ counts: [500, 500], weights: [0.5, 0.5] })).toBe(1)
    const farOff = sequentialSampleRatio({ counts: [100, 900], weights: [0.5, 0.5] })
    expect(farOff / 2.3679e-13).toBeCloseTo(1, 4)
  })
})
