import { existsSync, readFileSync } from 'node:fs'

export const workspace = 'main'
export const poolId = 'spring'

/** One reservation that was acknowledged. */
export interface Asked {
  key: string
  code: string
}

/** Lines that are whole; one that a kill cut off was acknowledged to nobody. */
export function readAcknowledged(file: string): Asked[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Asked)
}
