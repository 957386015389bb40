package groups

import (
	"log/slog"

	"github.com/tocsin-security/tocsin/store/journal"
)

// OpenSmallMemory opens one whose journal is tidied at once, in small files.
func OpenSmallMemory(dir string, log *slog.Logger) (*Memory, error) {
	return openMemory(journal.Config{Dir: dir, Slack: 512, Step: 4096, Segment: 2048}, log)
}
