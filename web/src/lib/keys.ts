/** Keyboard: one listener, pages register what their keys do; typing in a field is left alone. */
import { onMounted, onUnmounted } from 'vue'

export type Keys = Record<string, (event: KeyboardEvent) => void>

const layers: Keys[] = []
let armed = false

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  )
}

function inDialog(target: EventTarget | null): boolean {
  return (target instanceof HTMLElement && target.closest('[role=dialog]') !== null) || dialogOpen()
}

function dialogOpen(): boolean {
  return [...document.querySelectorAll<HTMLElement>('[role=dialog][aria-modal=true]')].some(
    (each) => each.offsetParent !== null || each.getClientRects().length > 0,
  )
}

/** Space and Enter belong to the control that has the focus. */
function belongsToControl(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' && event.key !== ' ') return false
  return event.target instanceof HTMLElement && event.target.closest('button, a, summary') !== null
}

/** When G was pressed; a second key within 1.5 s completes it. */
let chord = Number.NEGATIVE_INFINITY

function handle(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (typing(event.target)) {
    if (event.key === 'Escape') (event.target as HTMLElement).blur()
    return
  }
  if (inDialog(event.target) || belongsToControl(event)) return
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const inChord = performance.now() - chord < 1_500
  chord = Number.NEGATIVE_INFINITY
  if (!inChord && key === 'g') {
    chord = performance.now()
    return
  }
  const names = inChord ? [`g ${key}`] : event.shiftKey ? [`Shift+${key}`, key] : [key]
  for (const name of names) {
    for (let i = layers.length - 1; i >= 0; i--) {
      const action = layers[i]?.[name]
      if (action) {
        event.preventDefault()
        action(event)
        return
      }
    }
  }
}

/** The newest layer that knows a key wins. "g a" is G then A; "Shift+a" falls back to "a". */
export function useKeys(keys: Keys): void {
  onMounted(() => {
    if (!armed) {
      document.addEventListener('keydown', handle)
      armed = true
    }
    layers.push(keys)
  })
  onUnmounted(() => {
    const at = layers.indexOf(keys)
    if (at >= 0) layers.splice(at, 1)
  })
}
