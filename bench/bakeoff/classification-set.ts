/** A classification file as read: one column per attribute, the class apart. */
export interface ClassificationSet {
  /** The file's name without its ending. */
  name: string
  columns: Column[]
  /** The class of each row, as written in the file. */
  labels: string[]
}

/** Values by row; a missing one is NaN or null. */
export type Column =
  | { name: string; kind: 'number'; values: number[] }
  | { name: string; kind: 'category'; values: (string | null)[] }

/** What is wrong with a file, and where: `letter.arff:20: …`. */
export class SetFault extends Error {
  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`)
  }
}

/** The column named `class` in any case (in lower case, if several are), else the last. */
export function classColumn(names: readonly string[]): number {
  const exact = names.indexOf('class')
  if (exact >= 0) return exact
  const found = names.findIndex((name) => name.toLowerCase() === 'class')
  return found >= 0 ? found : names.length - 1
}
