// Package sensor loads the kernel programs of package bpf, attaches them and reads what they report.
//
// It hands raw records (pipeline.Sample, laid out as in bpf/event.h) to one function and knows no
// event, rule or receiver: decoding is stages/decode's. What it could not see is counted, per cause,
// in the kernel; see Sensor.Losses.
package sensor
