/** Numbers as people read them, in English conventions; nothing here is for computing further. */

const minus = (text: string) => text.replaceAll('-', '−')

/** 64000 → 64,000. */
export function count(value: number): string {
  return minus(new Intl.NumberFormat('en').format(Math.round(value)))
}

/** .182757 → 18.28 %. */
export function percent(share: number, digits = 2): string {
  return `${minus((share * 100).toFixed(digits))} %`
}

/** With as many digits as asked for; what rounds to zero has no sign. */
export function fixedDigits(value: number, digits: number): string {
  const format = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return minus(format.format(value)).replace(/^−(?=[0.]*$)/, '')
}

/** .0765896 → 76.6 of 1,000 customers. */
export function perThousand(share: number): string {
  return minus(decimals(share * 1000))
}

/** With its code in front (12.5 → `USD 12.50`): a bare `$` is not one currency. Small amounts keep three digits. */
export function money(units: number, currency: string): string {
  const size = Math.abs(units)
  const digits = size > 0 && size < 0.995 ? { maximumSignificantDigits: 3 } : {}
  const format = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    currencyDisplay: 'code',
    ...digits,
  })
  return minus(
    format
      .format(units)
      .replaceAll('\u00a0', ' ')
      .replace(/^-(\w+) /, '$1 -'),
  )
}

/** With the sign always there: +0.07. */
export function signed(text: string): string {
  return /[1-9]/.test(text) && !text.includes('−') ? text.replace(/\d/, '+$&') : text
}

/** .0023 → `p = .002`; tiny ones as `p < .001`. */
export function pValue(p: number): string {
  if (p < 0.001) return 'p < .001'
  return p > 0.9995 ? 'p = 1' : `p = ${p.toFixed(3).replace(/^0/, '')}`
}

/** 2026-11-21 09:12 UTC. */
export function instant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Enough decimals for three digits that count, at most 3. */
function decimals(value: number): string {
  const size = Math.abs(value)
  if (size >= 1000) return new Intl.NumberFormat('en', { maximumFractionDigits: 0 }).format(value)
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
}
