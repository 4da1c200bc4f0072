import { parseArgs } from 'node:util'
import { openEngineOn } from '../integration/pipeline/engine-world.ts'
import { createKillingStore, type KillPoint, killSettings } from './batch-kill-world.ts'

// Opens the folder it is given, works, and dies at the point that it is told.
const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    role: { type: 'string' },
    transaction: { type: 'string' },
    point: { type: 'string' },
  },
})
/** A worker's first transaction reads where it stands in the log. */
const before = values.role === 'worker' ? 1 : 0
const killing = createKillingStore({
  transaction: before + Number(values.transaction),
  point: values.point as KillPoint,
})
const world = await openEngineOn(values.dir ?? '', { settings: killSettings, wrapStore: killing.wrap })
killing.arm()
if (values.role === 'worker') await world.decide()
else await world.send()
process.exit(7)
