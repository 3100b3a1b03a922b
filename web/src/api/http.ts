/** One way to the service: JSON in, JSON out, problem documents as errors. */
import type { Problem } from './types'

export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | null,
    /** When to try again, where the service says so. */
    readonly retryAfterS: number | null = null,
  ) {
    super(problem?.detail || problem?.title || `HTTP ${status}`)
    this.name = 'ProblemError'
  }
}

/** The service did not answer at all: no network, refused, or slower than the deadline. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause))
    this.name = 'Unreachable'
  }
}

const DEADLINE_MS = 15_000
const BASE = '/api/v1'

let csrf = ''
let language = 'zh-CN'
let whenSignedOut: () => void = () => {}

export function setCsrf(token: string): void {
  csrf = token
}

/** The service explains refusals in this language. */
export function setLanguage(locale: string): void {
  language = locale
}

/** Called once the service answers 401 to anything but a sign-in. */
export function onSignedOut(callback: () => void): void {
  whenSignedOut = callback
}

export function signedOut(): void {
  whenSignedOut()
}

export function apiUrl(path: string, query: Record<string, string | number | undefined> = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return text ? `${BASE}${path}?${text}` : `${BASE}${path}`
}

async function problemOf(response: Response): Promise<Problem | null> {
  if (!(response.headers.get('content-type') ?? '').includes('json')) return null
  try {
    return (await response.json()) as Problem
  } catch {
    return null // a truncated body says no more than the status already does
  }
}

export async function call<T>(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': language }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET' && csrf) headers['X-CSRF-Token'] = csrf
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  let response: Response
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Unreachable(error)
  }
  if (response.status === 204) return undefined as T
  if (response.ok) return (await response.json()) as T
  if (response.status === 401 && !url.endsWith('/auth/session')) signedOut()
  const retryAfter = Number(response.headers.get('retry-after')) || null
  throw new ProblemError(response.status, await problemOf(response), retryAfter)
}

export const get = <T>(
  path: string,
  query: Record<string, string | number | undefined> = {},
  signal?: AbortSignal,
): Promise<T> => call<T>('GET', apiUrl(path, query), undefined, signal)

export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>('POST', apiUrl(path), body)
