package main

import "testing"

// The program goes on with its pages given back.
func TestTrimMemory(t *testing.T) {
	for range 2 {
		if err := trimMemory(); err != nil {
			t.Fatal(err)
		}
	}
}
