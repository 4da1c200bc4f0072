import type { CurrencyRate } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { microsOf } from '#contracts/money.ts'

/** Turns amounts of events into micros of the workspace's reporting currency. */
export interface ReportingCurrency {
  /**
   * Micros of `amount`, by the rate valid at `at`. An amount without a currency is in the reporting
   * currency. Null where the amount is no finite number or its currency has no rate: the caller counts the
   * event without a value.
   */
  micros(amount: unknown, currency: unknown, at: InstantMs): number | null
}

export function createReportingCurrency(reporting: string, rates: CurrencyRate[]): ReportingCurrency {
  const byCurrency = new Map<string, { from: number; rate: number }[]>()
  for (const { currency, validFrom, rate } of rates) {
    const list = byCurrency.get(currency) ?? []
    list.push({ from: Date.parse(validFrom), rate })
    byCurrency.set(currency, list)
  }
  for (const list of byCurrency.values()) list.sort((a, b) => b.from - a.from)
  return {
    micros(amount, currency, at) {
      const value = typeof amount === 'string' ? Number(amount) : amount
      if (typeof value !== 'number' || !Number.isFinite(value) || Math.abs(value) > 1e9) return null
      if (typeof currency !== 'string' || currency.toUpperCase() === reporting) return microsOf(value)
      const rate = byCurrency.get(currency.toUpperCase())?.find((r) => r.from <= at)
      return rate === undefined ? null : microsOf(value * rate.rate)
    },
  }
}
