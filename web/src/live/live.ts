/**
 * The only writer of live state: subscribe first, then take the snapshot, then apply by id.
 *
 * An alarm event is applied only if it is newer than what is held, so an event that is also in the
 * snapshot does nothing, and none falls between the two. When the connection is lost the stream is
 * resumed from the last id; when that is too old (`reset`) a new snapshot is taken.
 *
 * A feed without health (it comes each second) or alarms for `DEAD_MS` is taken for dead, whatever
 * TCP thinks: it is cut and made anew, and the screen says so until the next one. A connection that
 * opens, a heartbeat or a first frame of values prove nothing: what stands behind may be stuck.
 */
import { openAlarms } from '@/api/calls'
import { apiUrl, signedOut } from '@/api/http'
import type { Alarm, AlarmFrame, HealthFrame, LatestFrame } from '@/api/types'
import { unanswered } from '@/lib/priority'
import { toMs } from '@/lib/time'
import { newer, useAlarms } from '@/stores/alarms'
import { useFeed } from '@/stores/feed'
import { useValues } from '@/stores/values'
import { readStream, type ServerEvent, StreamRefused } from './sse'

const DEAD_MS = 4_000
/** The store's lag is measured in steps of a second, and a frame takes its time. */
const LAG_STEPS_MS = 2_000
const RETRY_MS = [250, 500, 1_000, 2_000, 3_000]
/**
 * A lone event is applied at once; of many, those of 60 ms together, which keeps the main thread
 * free at hundreds of events a second.
 */
const FLUSH_MS = 60

let running: AbortController | null = null
let connection: AbortController | null = null
let lastId = ''
let lastFrameAt = 0
let connectedAt = 0
let wanted = 'none'
let queue: AlarmFrame[] = []
let flushTimer: ReturnType<typeof setTimeout> | null = null
let flushedAt = Number.NEGATIVE_INFINITY
let snapshotting = false
let snapshotAgain = false
let everComplete = false
const listeners = new Set<(frame: AlarmFrame) => void>()

/** Be told of each new alarm event (sound, announcements); returns how to stop. */
export function onAlarmFrame(listener: (frame: AlarmFrame) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function startLive(): void {
  if (running) return
  running = new AbortController()
  lastId = ''
  lastFrameAt = Date.now()
  void loop(running.signal)
  const watch = setInterval(look, 500)
  running.signal.addEventListener('abort', () => clearInterval(watch))
}

export function stopLive(): void {
  running?.abort()
  connection?.abort()
  running = null
  queue = []
}

/** Which sensors' newest values to send: "none", "all" or ids; the alarm stream goes on unbroken. */
export function wantValues(what: string): void {
  if (what === wanted) return
  wanted = what
  connection?.abort()
}

function look(): void {
  const feed = useFeed()
  const now = Date.now()
  feed.silentMs = now - lastFrameAt
  if (feed.silentMs <= DEAD_MS) return
  feed.stale = true
  if (now - connectedAt > DEAD_MS) connection?.abort()
}

async function loop(stop: AbortSignal): Promise<void> {
  let attempt = 0
  while (!stop.aborted) {
    connection = new AbortController()
    connectedAt = Date.now()
    const asked = wanted
    try {
      await readStream(
        apiUrl('/stream', { latest: asked }),
        lastId,
        AbortSignal.any([stop, connection.signal]),
        {
          open: () => {
            attempt = 0
            if (!lastId) void snapshot()
          },
          events: take,
        },
      )
    } catch (error) {
      if (error instanceof StreamRefused && error.status === 401) {
        signedOut()
        return
      }
    }
    if (stop.aborted) return
    if (asked !== wanted) continue
    await pause(RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)] ?? 3_000)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function heard(): void {
  const feed = useFeed()
  lastFrameAt = Date.now()
  feed.silentMs = 0
  feed.stale = false
}

function take(events: ServerEvent[]): void {
  for (const { event, id, data } of events) {
    if (event === 'alarm') {
      heard()
      if (id) lastId = id
      queue.push(JSON.parse(data) as AlarmFrame)
    } else if (event === 'latest') useValues().apply(JSON.parse(data) as LatestFrame)
    else if (event === 'health') takeHealth(JSON.parse(data) as HealthFrame)
    else if (event === 'reset') {
      lastId = ''
      void snapshot()
    }
  }
  if (queue.length > 0 && !snapshotting && !flushTimer) {
    const wait = Math.max(0, flushedAt + FLUSH_MS - performance.now())
    flushTimer = setTimeout(flush, wait)
  }
}

function takeHealth(frame: HealthFrame): void {
  heard()
  const feed = useFeed()
  feed.health = frame
  const now = toMs(frame.now)
  if (Number.isFinite(now)) feed.serverAheadMs = now - Date.now()
  if (frame.store.available) useAlarms().storedUntil(Date.now() - 1000 * frame.store.lag_s - LAG_STEPS_MS)
}

function flush(): void {
  flushTimer = null
  flushedAt = performance.now()
  const frames = queue
  queue = []
  const applied = useAlarms().apply(frames)
  for (const frame of applied) for (const listener of listeners) listener(frame)
}

/** Whether an alarm calls that did not call like this before. */
function isNews(alarm: Alarm, was: Alarm | undefined): boolean {
  if (!was) return true
  return unanswered(alarm) && (!unanswered(was) || was.level !== alarm.level)
}

/** What was raised, rose or came back while nothing was heard must call like any other. */
function tell(missed: Alarm[]): void {
  for (const alarm of missed) {
    const { state, stored, raised_at } = alarm
    for (const listener of listeners)
      listener({ alarm, event: 'raise', from: 'normal', to: state, at: raised_at, stored })
  }
}

/** Events wait in the queue meanwhile; `apply` then drops those the snapshot already contains. */
async function snapshot(): Promise<void> {
  if (snapshotting) {
    snapshotAgain = true
    return
  }
  snapshotting = true
  const feed = useFeed()
  try {
    do {
      snapshotAgain = false
      const alarms: Alarm[] = await openAlarms(running?.signal)
      const before = useAlarms().byId
      useAlarms().replace(alarms)
      if (everComplete) tell(alarms.filter((alarm) => isNews(alarm, before.get(alarm.id))))
      everComplete = true
      if (!lastId) lastId = alarms.reduce((top, each) => (newer(each.updated, top) ? each.updated : top), '')
      feed.complete = true
    } while (snapshotAgain)
  } catch {
    // The stream may be well while the list is not: begin again, and keep saying it is incomplete.
    feed.complete = false
    lastId = ''
    setTimeout(() => connection?.abort(), 1_000)
  } finally {
    snapshotting = false
    if (queue.length > 0) flush()
  }
}
