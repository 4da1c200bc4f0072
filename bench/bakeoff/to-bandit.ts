import type { ClassificationSet, Column } from './classification-set.ts'

/**
 * A classification set as a bandit: the row is the customer, the class the one treatment that earns 1.
 * In shared memory, so that threads read the same numbers.
 */
export interface BanditSet {
  name: string
  rows: number
  /** Classes that occur. */
  actions: number
  /** D: dense features, the constant first. */
  dimensions: number
  /** x, shape (rows, D). */
  dense: Float64Array
  /** The tail's features of row i stand from `tailFrom[i]` to `tailFrom[i + 1]`: slot and value. */
  tailFrom: Int32Array
  tailSlots: Int32Array
  tailValues: Float64Array
  /** By row, index of the class. */
  labels: Int32Array
}

/** One feature before its place is known; a category's value is a feature of its own. */
interface Feature {
  /** What the tail hashes: `column` or `column=value`. */
  key: string
  values: Float64Array
  variance: number
}

const clipAt = 5

/**
 * Numbers standardised over the set (sample deviation) and clipped at ±5, categories one-hot, what is missing
 * left out (0), one constant. Features that never vary are left out, since the constant says the same. If more
 * than `denseMax` remain, those that vary most stay dense, in their order, and the rest goes to the tail: the
 * labels have no say in it.
 */
export function toBandit(
  set: ClassificationSet,
  denseMax: number,
  slotOf: (key: string) => number,
): BanditSet {
  const rows = set.labels.length
  const features = set.columns.flatMap(featuresOf).filter((feature) => feature.variance > 0)
  const ranked = features.toSorted((a, b) => b.variance - a.variance)
  const isDense = new Set(ranked.slice(0, denseMax - 1))
  const denseFeatures = features.filter((feature) => isDense.has(feature))
  const tail = features.filter((feature) => !isDense.has(feature))
  const dimensions = denseFeatures.length + 1
  const dense = new Float64Array(shared(rows * dimensions, 8))
  for (let row = 0; row < rows; row += 1) {
    dense[row * dimensions] = 1
    for (let i = 1; i < dimensions; i += 1) dense[row * dimensions + i] = denseFeatures[i - 1]!.values[row]!
  }
  const classes = new Map([...new Set(set.labels)].map((label, index) => [label, index]))
  const labels = new Int32Array(shared(rows, 4))
  for (const [row, label] of set.labels.entries()) labels[row] = classes.get(label)!
  return {
    name: set.name,
    rows,
    actions: classes.size,
    dimensions,
    dense,
    labels,
    ...layOutTail(tail, rows, slotOf),
  }
}

function layOutTail(tail: Feature[], rows: number, slotOf: (key: string) => number) {
  let count = 0
  for (const { values } of tail) for (const value of values) if (value !== 0) count += 1
  const tailFrom = new Int32Array(shared(rows + 1, 4))
  const tailSlots = new Int32Array(shared(count, 4))
  const tailValues = new Float64Array(shared(count, 8))
  const slots = tail.map((feature) => slotOf(feature.key))
  let at = 0
  for (let row = 0; row < rows; row += 1) {
    tailFrom[row] = at
    for (const [index, { values }] of tail.entries()) {
      if (values[row] === 0) continue
      tailSlots[at] = slots[index]!
      tailValues[at] = values[row]!
      at += 1
    }
  }
  tailFrom[rows] = at
  return { tailFrom, tailSlots, tailValues }
}

function featuresOf(column: Column): Feature[] {
  return column.kind === 'number' ? [standardised(column)] : oneHot(column)
}

function standardised({ name, values }: Extract<Column, { kind: 'number' }>): Feature {
  const known = values.filter((value) => !Number.isNaN(value))
  const { mean, variance } = moments(known)
  const deviation = Math.sqrt(variance)
  const scaled = Float64Array.from(values, (value) => {
    if (Number.isNaN(value) || deviation === 0) return 0
    return Math.max(-clipAt, Math.min(clipAt, (value - mean) / deviation))
  })
  return { key: name, values: scaled, variance: moments(scaled).variance }
}

function oneHot({ name, values }: Extract<Column, { kind: 'category' }>): Feature[] {
  const distinct = new Set(values)
  distinct.delete(null)
  return [...distinct].map((value) => {
    const hot = Float64Array.from(values, (other) => (other === value ? 1 : 0))
    return { key: `${name}=${value}`, values: hot, variance: moments(hot).variance }
  })
}

/** Sample variance; 0 for fewer than two values. */
function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let sum = 0
  for (let i = 0; i < values.length; i += 1) sum += values[i]!
  const mean = sum / Math.max(1, values.length)
  let squares = 0
  for (let i = 0; i < values.length; i += 1) squares += (values[i]! - mean) ** 2
  return { mean, variance: values.length < 2 ? 0 : squares / (values.length - 1) }
}

function shared(length: number, bytesEach: number): SharedArrayBuffer {
  return new SharedArrayBuffer(length * bytesEach)
}
