import type { Random } from '#contracts/random.ts'

/**
 * xoshiro128** (Blackman & Vigna 2018), seeded through splitmix32, with 53-bit output from two draws.
 * Small, fast without BigInt, and the same on every machine.
 */
export function createSeededRandom(seedHigh: number, seedLow = 0): Random {
  let mix = (seedHigh ^ 0x9e3779b9) | 0
  const split = (): number => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) | 0
  }
  // Both halves of the seed reach every word: xoshiro's first output shows one word alone.
  mix = (split() ^ seedLow) | 0
  let a = split()
  let b = split()
  let c = split()
  let d = split()
  if ((a | b | c | d) === 0) d = 1
  const next32 = (): number => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return result
  }
  return { next: () => ((next32() >>> 5) * 67_108_864 + (next32() >>> 6)) / 9_007_199_254_740_992 }
}
