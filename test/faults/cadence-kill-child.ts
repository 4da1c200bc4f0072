import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEngineOn } from '../integration/pipeline/engine-world.ts'
import { createKillingStore, type KillPoint } from './batch-kill-world.ts'
import { instantsOf, type Player, playUntil } from './cadence-world.ts'

// Plays on from where the last process was, and dies at the point that it is told.
const { values } = parseArgs({
  options: { dir: { type: 'string' }, transaction: { type: 'string' }, point: { type: 'string' } },
})
const { dir = '', point } = values
const players = JSON.parse(readFileSync(join(dir, 'players.json'), 'utf8')) as Player[]
const playedFile = join(dir, 'played.json')
const played = JSON.parse(readFileSync(playedFile, 'utf8')) as { clock: number; until: number }

const killing = createKillingStore({ transaction: Number(values.transaction), point: point as KillPoint })
const world = await openEngineOn(join(dir, 'data'), { wrapStore: killing.wrap })
world.clock.stepTo(played.clock)
killing.arm()
for (const until of instantsOf(players)) {
  if (until <= played.until) continue
  await playUntil(world, players, until)
  writeFileSync(playedFile, JSON.stringify({ clock: world.clock.now(), until }))
}
process.exit(7)
