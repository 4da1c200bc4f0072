import { serveJobs } from '../threads/serve-jobs.ts'
import { type DriftJob, playDrift } from './play-drift.ts'

serveJobs<null, DriftJob>(playDrift)
