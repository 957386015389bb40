package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/sensor/capture"
	"github.com/tocsin-security/tocsin/stages/decode"
)

// newRecordCommand writes what the sensor sees to a file.
func newRecordCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var file string
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "record -o FILE",
		Short: "Write what the kernel reports to a file, for replay",
		Long: "record writes every event the sensor can report, and the processes that run when it starts, to a file.\n" +
			"The file holds command lines and environments: treat it as a secret.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			ctx, cancel := untilSignal(log)
			defer cancel()
			if limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			return record(ctx, file, log)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "capture file to write")
	cmd.Flags().DurationVar(&limit, "for", 0, "stop after this time (default: at SIGINT or SIGTERM)")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return cmd
}

func record(ctx context.Context, name string, log *slog.Logger) (err error) {
	header, err := captureHeader()
	if err != nil {
		return err
	}
	cfg := sensor.DefaultConfig()
	cfg.ConnectionMetrics = sensor.CountNever // a capture has the connects themselves
	s, err := sensor.Open(cfg, nil, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	// The processes are listed after events have begun to queue, so none falls between the two.
	decoder := decode.New(decode.Config{}, header.Hostname, header.BootOffset)
	if err := decoder.Seed("/proc"); err != nil {
		return fmt.Errorf("list the processes that run: %w", err)
	}
	table, err := decoder.Snapshot()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w, err := capture.NewWriter(file, header)
	if err != nil {
		return err
	}
	if err := w.WriteProcesses(table); err != nil {
		return errors.Join(err, w.Close())
	}
	n := 0
	log.Info("recording", "file", name)
	err = s.Run(ctx, func(sample pipeline.Sample) error {
		n++
		return w.WriteSample(sample)
	})
	log.Info("recorded", "file", name, "samples", n)
	return errors.Join(err, w.Close(), reportLosses(s, log))
}

func captureHeader() (h capture.Header, err error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return h, fmt.Errorf("ask for the kernel's name: %w", err)
	}
	h = capture.Header{Arch: runtime.GOARCH, KernelRelease: unix.ByteSliceToString(uts.Release[:])}
	if h.Hostname, err = os.Hostname(); err != nil {
		return h, fmt.Errorf("ask for the host name: %w", err)
	}
	h.BootOffset, err = decode.BootOffset()
	return h, err
}

// reportLosses says what a capture lacks.
func reportLosses(s *sensor.Sensor, log *slog.Logger) error {
	lost, err := s.Losses()
	if err != nil {
		return fmt.Errorf("read the loss counters: %w", err)
	}
	for cause, n := range lost {
		if n > 0 {
			log.Warn("the capture is not complete", "reason", pipeline.Loss(cause).String(), "events", n)
		}
	}
	return nil
}
