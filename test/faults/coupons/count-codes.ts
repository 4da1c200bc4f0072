import type { Asked } from './acknowledged.ts'

/** A code as it stands in the store. */
export interface StoredCode {
  code: string
  state: string
  holder: string
}

export interface CodeCounts {
  /** Reservations acknowledged, each key once. */
  acknowledged: number
  /** Keys that were answered more than once. */
  asked_again: number
  /** Codes acknowledged to more than one key, and keys that were told more than one code. */
  twice: number
  /** Acknowledged, and not in the store as told. */
  lost: number
  reserved: number
  available: number
  /** Codes that are neither, or too many or too few of them. */
  unaccounted: number
}

/** Plain arithmetic over what claimers were told and what the store has: asks the engine nothing. */
export function countCodes(
  told: readonly Asked[],
  stored: readonly StoredCode[],
  { imported, keys }: { imported: number; keys: number },
): { counts: CodeCounts; findings: string[] } {
  const byKey = Map.groupBy(told, ({ key }) => key)
  const byCode = Map.groupBy(told, ({ code }) => code)
  const distinct = (values: string[]): number => new Set(values).size
  const keysTwice = [...byKey.values()].filter((own) => distinct(own.map(({ code }) => code)) > 1)
  const codesTwice = [...byCode.values()].filter((own) => distinct(own.map(({ key }) => key)) > 1)
  const rows = new Map(stored.map((row) => [row.code, row]))
  const lost = [...byKey.entries()].filter(([key, [own]]) => {
    const row = rows.get(own?.code ?? '')
    return row?.state !== 'reserved' || row.holder !== `key:${key}`
  })
  const reserved = stored.filter(({ state }) => state === 'reserved')
  const available = stored.filter(({ state, holder }) => state === 'available' && holder === '')
  const holders = distinct(reserved.map(({ holder }) => holder))
  const counts: CodeCounts = {
    acknowledged: byKey.size,
    asked_again: [...byKey.values()].filter((own) => own.length > 1).length,
    twice: keysTwice.length + codesTwice.length + (reserved.length - holders),
    lost: lost.length,
    reserved: reserved.length,
    available: available.length,
    unaccounted: Math.abs(imported - reserved.length - available.length) + Math.abs(rows.size - imported),
  }
  const findings = [
    ...(counts.acknowledged === keys ? [] : [`${counts.acknowledged} of ${keys} keys were answered`]),
    // One code for each key, and none for nobody.
    ...(counts.reserved === keys ? [] : [`${counts.reserved} codes are reserved for ${keys} keys`]),
    ...(['twice', 'lost', 'unaccounted'] as const)
      .filter((name) => counts[name] !== 0)
      .map((name) => `${counts[name]} ${name}`),
  ]
  return { counts, findings }
}
