/** A seeded source of uniform numbers in [0, 1). The same seed gives the same sequence, bit for bit. */
export interface Random {
  next(): number
}
