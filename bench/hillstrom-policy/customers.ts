import { featureDimensions, featureVector } from '#decision/features.ts'
import { readChallenge } from '../../src/cli/hillstrom/challenge-rows.ts'

/** The actions of the challenge; nothing stands last, as in a decision. */
export const actions = ['mens', 'womens', 'nothing'] as const
export const mensIndex = 0

/** The challenge's customers, as the product sees them and with what came of their random arm. */
export interface Customers {
  n: number
  /** Shape (n, 64), row by row. */
  features: Float64Array
  /** Index into `actions`. */
  arms: Uint8Array
  visits: Float64Array
  conversions: Float64Array
  /** In units of the currency. */
  spends: Float64Array
}

const imported = Date.UTC(2008, 2, 20, 12)

export async function readCustomers(file: string): Promise<Customers> {
  const rows = await readChallenge(file)
  const features = new Float64Array(rows.length * featureDimensions)
  const { history: _, ...categories } = rows[0]?.traits ?? {}
  const traits = Object.keys(categories)
  for (const [row, customer] of rows.entries()) {
    const profile = {
      traits: customer.traits,
      firstSeenAt: imported,
      lastSeenAt: imported,
      counts: {},
      segments: {},
    }
    const vector = featureVector({ profile, traits, contacts: [], now: imported, zone: 'UTC' })
    features.set(vector, row * featureDimensions)
  }
  const armOf = (arm: string): number => {
    const index = actions.indexOf((arm === 'control' ? 'nothing' : arm) as (typeof actions)[number])
    if (index < 0) throw new Error(`${file} has an arm "${arm}"`)
    return index
  }
  return {
    n: rows.length,
    features,
    arms: Uint8Array.from(rows, ({ arm }) => armOf(arm)),
    visits: Float64Array.from(rows, ({ visited }) => (visited ? 1 : 0)),
    conversions: Float64Array.from(rows, ({ converted }) => (converted ? 1 : 0)),
    spends: Float64Array.from(rows, ({ spend }) => spend),
  }
}

export function featuresOf({ features }: Customers, row: number): Float64Array {
  return features.subarray(row * featureDimensions, (row + 1) * featureDimensions)
}
