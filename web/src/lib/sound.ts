/**
 * One plain sound: two tones below 2 kHz, which older ears still hear.
 *
 * A browser does not let a page sound before somebody has touched it; `blocked` says so, and the
 * shell shows a banner until a click or a key has released it.
 */
import { ref } from 'vue'

export const blocked = ref(false)
/** Until when the sound is muted, ms; a mute always ends by itself. */
export const mutedUntil = ref(0)

const MUTE_MS = 120_000
const TONES = [880, 660, 880, 660]
const TONE_S = 0.22
/** A machine without a working sound device may never answer. */
const DEVICE_MS = 3000

let context: AudioContext | null = null

function audio(): AudioContext {
  if (!context) {
    context = new AudioContext()
    context.addEventListener('statechange', look)
  }
  return context
}

function look(): void {
  blocked.value = context !== null && context.state !== 'running'
}

/** Find out at the start of a shift, not at the first alarm. */
export function prepare(): void {
  audio()
  look()
  // Not when the pointer goes down: the banner would go, and what is under the pointer with it.
  for (const touch of ['click', 'keydown']) document.addEventListener(touch, touched, { capture: true })
}

/** Any touch of the page lets it sound; asking again when it already may costs nothing. */
function touched(): void {
  if (blocked.value) void release()
}

/** Must be called from within a click or key press. */
export async function release(): Promise<void> {
  const silent = new Promise((resolve) => setTimeout(resolve, DEVICE_MS))
  await Promise.race([audio().resume(), silent])
  look()
}

export function mute(): void {
  mutedUntil.value = Date.now() + MUTE_MS
}

export function unmute(): void {
  mutedUntil.value = 0
}

/** Sound once. Returns false if it could not be heard: muted or blocked. */
export function ring(): boolean {
  const output = audio()
  look()
  if (Date.now() < mutedUntil.value || output.state !== 'running') return false
  const start = output.currentTime + 0.02
  TONES.forEach((frequency, i) => {
    const oscillator = output.createOscillator()
    const gain = output.createGain()
    const from = start + i * TONE_S
    oscillator.type = 'triangle'
    oscillator.frequency.value = frequency
    gain.gain.setValueAtTime(0, from)
    gain.gain.linearRampToValueAtTime(0.5, from + 0.02)
    gain.gain.setValueAtTime(0.5, from + TONE_S - 0.06)
    gain.gain.linearRampToValueAtTime(0, from + TONE_S - 0.01)
    oscillator.connect(gain).connect(output.destination)
    oscillator.start(from)
    oscillator.stop(from + TONE_S)
  })
  return true
}
