import { parseArgs } from 'node:util'
import { runDemo } from './run-demo.ts'
import { runSeeds } from './seeds.ts'

const usage = `npm run demo                     plays a shop for 30 days through the HTTP door, then keeps serving
npm run demo -- --exit           ends when the report is printed
npm run -s demo -- --seeds 200   plays 200 small shops and counts how often the report is right`

const { values } = parseArgs({
  options: {
    exit: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
const seeds = values.seeds === undefined ? null : Number(values.seeds)
const seed = Number(values.seed)
if (values.help || !Number.isInteger(seed) || (seeds !== null && !(Number.isInteger(seeds) && seeds > 0))) {
  console.error(usage)
  process.exit(values.help ? 0 : 64)
}
if (seeds !== null) process.exit(await runSeeds(seeds))
const exitCode = await runDemo({ seed, keepServing: !values.exit })
if (values.exit || exitCode !== 0) process.exit(exitCode)
