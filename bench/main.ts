import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** `npm run -s bench -- NAME …`: runs `bench/NAME.ts` with the remaining arguments. */
const name = process.argv[2] ?? ''
const file = join(import.meta.dirname, `${name}.ts`)
if (name === '' || name === 'main' || !existsSync(file)) {
  const names = readdirSync(import.meta.dirname)
    .filter((entry) => entry.endsWith('.ts') && entry !== 'main.ts')
    .map((entry) => entry.replace('.ts', ''))
  console.error(`usage: npm run -s bench -- NAME, where NAME is one of ${names.join(', ')}`)
  process.exit(64)
}
process.argv.splice(2, 1)
await import(file)
