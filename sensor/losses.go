package sensor

import (
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Losses returns how much was lost or shortened in the kernel since Open, by cause, over all CPUs.
func (s *Sensor) Losses() ([pipeline.NumKernelLosses]uint64, error) {
	var sums [pipeline.NumKernelLosses]uint64
	perCPU, err := s.LossesPerCPU()
	for cause, counts := range perCPU {
		for _, n := range counts {
			sums[cause] += n
		}
	}
	return sums, err
}

// LossesPerCPU is Losses with a count for each CPU that the machine can have, by its number.
func (s *Sensor) LossesPerCPU() ([pipeline.NumKernelLosses][]uint64, error) {
	var counts [pipeline.NumKernelLosses][]uint64
	for cause := range counts {
		if err := s.objects.Losses.Lookup(uint32(cause), &counts[cause]); err != nil {
			return counts, fmt.Errorf("read the sensor's count of %s: %w", pipeline.Loss(cause), err)
		}
	}
	return counts, nil
}

// LastLoss returns when the kernel side last lost a whole event (pipeline.Loss.Whole), to within 100 ms:
// ns of CLOCK_BOOTTIME, 0 when it has lost none. It reads shared memory and makes no system call.
func (s *Sensor) LastLoss() uint64 {
	var at uint64
	// It fails only without shared memory (before Linux 5.5, which Check refuses) and after Close.
	_ = s.objects.LastLoss.Get(&at)
	return at
}
