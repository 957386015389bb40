package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/tocsin-security/tocsin/sensor/capture"
)

// captureFile is a capture that is being read.
type captureFile struct {
	*capture.Reader
	file *os.File
}

// openCapture opens the capture of this name.
func openCapture(name string) (*captureFile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	reader, err := capture.NewReader(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return &captureFile{reader, file}, nil
}

// ended is what remains of err, with which reading ended: nothing at the end of the capture, and where it is cut
// a warning that everything before was used.
func (c *captureFile) ended(err error, used string, log *slog.Logger) error {
	truncated := (*capture.TruncatedError)(nil)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &truncated):
		log.Warn("the capture is cut; everything before was "+used, "file", c.file.Name(), "err", err)
		return nil
	default:
		return err
	}
}

// Close closes the reader, then the file.
func (c *captureFile) Close() error { return errors.Join(c.Reader.Close(), c.file.Close()) }
