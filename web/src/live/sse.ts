/**
 * Server-sent events over fetch.
 *
 * EventSource hides what an operator's screen needs: the status (401) of a refused connection, and
 * a way to carry `Last-Event-ID` over a cut made on purpose, of a dead feed or of another wish.
 */

export interface ServerEvent {
  event: string
  id: string
  data: string
}

/** Cut text into events as it arrives; call `feed` with each piece. */
export class EventParser {
  private rest = ''
  private event = ''
  private id = ''
  private data: string[] = []

  feed(text: string): ServerEvent[] {
    const events: ServerEvent[] = []
    const lines = (this.rest + text).split(/\r\n|\n|\r/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (this.data.length > 0)
          events.push({ event: this.event || 'message', id: this.id, data: this.data.join('\n') })
        this.event = ''
        this.id = ''
        this.data = []
      } else if (!line.startsWith(':')) this.field(line)
    }
    return events
  }

  private field(line: string): void {
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.event = value
    else if (name === 'id') this.id = value
    else if (name === 'data') this.data.push(value)
  }
}

export class StreamRefused extends Error {
  constructor(readonly status: number) {
    super(`stream refused with ${status}`)
    this.name = 'StreamRefused'
  }
}

/** Read until the stream ends, fails or is aborted. */
export async function readStream(
  url: string,
  lastId: string,
  signal: AbortSignal,
  on: { open: () => void; events: (events: ServerEvent[]) => void },
): Promise<void> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' }
  if (lastId) headers['Last-Event-ID'] = lastId
  const response = await fetch(url, { headers, signal, credentials: 'same-origin', cache: 'no-store' })
  if (!response.ok || !response.body) throw new StreamRefused(response.status)
  on.open()
  const parser = new EventParser()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const events = parser.feed(value)
    if (events.length > 0) on.events(events)
  }
}
