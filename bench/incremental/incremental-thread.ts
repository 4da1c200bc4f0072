import { serveJobs } from '../threads/serve-jobs.ts'
import { playIncremental } from './play-incremental.ts'

export interface IncrementalJob {
  seed: number
  incremental: boolean
}

serveJobs<null, IncrementalJob>(({ seed, incremental }) => playIncremental(seed, incremental))
