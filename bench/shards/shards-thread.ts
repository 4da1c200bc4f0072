import { streamOf } from '../bakeoff/play-bandit.ts'
import type { BanditSet } from '../bakeoff/to-bandit.ts'
import { serveJobs } from '../threads/serve-jobs.ts'
import { playShards } from './play-shards.ts'

export interface ShardsJob {
  set: number
  shards: number
  mergeEvery: number | null
  bySnapshot: boolean
  events: number
  lastEvents: number
  shuffle: number
}

serveJobs<BanditSet[], ShardsJob>(({ set, shuffle, ...options }, sets) =>
  playShards(sets[set]!, options, streamOf(shuffle)),
)
