import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { customersForRates, daysForCustomers, powerForRates } from '#statistics/power.ts'

describe('power', () => {
  test("is R's: power.prop.test(n = 50, p1 = .50, p2 = .75) gives .7401659", () => {
    const power = powerForRates({ controlRate: 0.5, treatedRate: 0.75, treated: 50, control: 50 })
    expect(power).toBeCloseTo(0.7401659, 6)
  })

  test("needs R's customers: power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7", () => {
    const rates = { controlRate: 0.5, treatedRate: 0.75 }
    expect(customersForRates({ ...rates, treatedShare: 0.5, power: 0.9 })).toEqual({
      treated: 77,
      control: 77,
    })
    expect(powerForRates({ ...rates, treated: 77, control: 77 })).toBeGreaterThan(0.9)
    expect(powerForRates({ ...rates, treated: 76, control: 76 })).toBeLessThan(0.9)
  })

  test('the customers it asks for are enough and not many too many, at any split', () => {
    const rate = fc.double({ min: 0.005, max: 0.6, noNaN: true })
    fc.assert(
      fc.property(
        rate,
        fc.double({ min: 0.005, max: 0.3, noNaN: true }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        (controlRate, effect, treatedShare) => {
          const rates = { controlRate, treatedRate: controlRate + effect }
          const customers = customersForRates({ ...rates, treatedShare })
          expect(powerForRates({ ...rates, ...customers })).toBeGreaterThan(0.8 - 0.01)
          const fewer = { treated: customers.treated * 0.9, control: customers.control * 0.9 }
          expect(powerForRates({ ...rates, ...fewer })).toBeLessThan(0.8)
        },
      ),
      { seed: 4 },
    )
  })

  test('days are whole, and never when nobody comes', () => {
    expect(daysForCustomers(1001, 100)).toBe(11)
    expect(daysForCustomers(1000, 100)).toBe(10)
    expect(daysForCustomers(1000, 0)).toBe(Number.POSITIVE_INFINITY)
  })

  test('what cannot be told apart throws', () => {
    const arms = { treated: 10, control: 10 }
    expect(() => powerForRates({ controlRate: 0.1, treatedRate: 0.1, ...arms })).toThrow(RangeError)
    expect(() => powerForRates({ controlRate: 0, treatedRate: 0.1, ...arms })).toThrow(RangeError)
  })
})
