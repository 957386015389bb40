package groups

import (
	"log/slog"

	"github.com/tocsin-security/tocsin/store/journal"
)

// OpenSmallMemory opens one whose journal is tidied at once, in small files.
func OpenSmallMemory(dir string, log *slog.Logger) (*Memory, error) {
	return openMemory(journal.Config{Dir: dir, Slack: 512, Step: 4096, Segment: 2048}, log)
}

// Held is how many alerts of lots are in memory.
func (m *Memory) Held() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// MaxHeld bounds Held.
const MaxHeld = maxHeld
