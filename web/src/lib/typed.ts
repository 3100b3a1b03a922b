/** What people type to find something: words in any order, each of which has to occur. */

export function finder(typed: string): { words: string[]; fits: (text: string) => boolean } {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  return { words, fits: (text) => words.every((word) => text.includes(word)) }
}
