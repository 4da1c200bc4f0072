import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { ClassificationSet } from './classification-set.ts'
import { readArff } from './read-arff.ts'
import { readCsvSet } from './read-csv-set.ts'

const readers: Record<string, (file: string, name: string, text: string) => ClassificationSet> = {
  '.arff': readArff,
  '.csv': readCsvSet,
}

/** Every ARFF or CSV file of the folder, by name. Throws a `SetFault` at the first line that cannot be read. */
export function readSets(folder: string, only?: readonly string[]): ClassificationSet[] {
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`)
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const ending = extname(file)
      const read = readers[ending.toLowerCase()]
      const name = file.slice(0, file.length - ending.length)
      if (read === undefined || (only !== undefined && !only.includes(name))) return []
      return [read(file, name, readFileSync(join(folder, file), 'utf8'))]
    })
}
